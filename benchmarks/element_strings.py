"""How fast element strings are read and checked, as ratios to biip in the same run.

A production line's texts are made here: one product each second, its own GTIN now and then,
fresh serials always. Both sides get the same texts, prefix and separators included.

Then labels of packs and cases without separators, and codes scanned twice: what is read must be
right or say that it is ambiguous.

    python -m benchmarks.element_strings [--texts 4000]
"""

from __future__ import annotations

import argparse
import random
import time

from schemas.gs1 import element_string
from schemas.gs1.content_rules import check_digit
from schemas.gs1.reading import read
from verification.scan import recover

GS = "\x1d"
ALPHANUMERIC = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
ROUNDS = 5


def line_of_packs(count: int, seed: int = 1) -> list[str]:
    """Texts of medicine packs with GTIN, serial, expiry and lot."""
    dice = random.Random(seed)
    texts = []
    for _ in range(count):
        payload = "0" + "".join(dice.choices("0123456789", k=12))
        serial = "".join(dice.choices(ALPHANUMERIC, k=dice.randint(8, 16)))
        expiry = f"{dice.randint(26, 35)}{dice.randint(1, 12):02}{dice.randint(0, 28):02}"
        lot = "".join(dice.choices(ALPHANUMERIC, k=dice.randint(5, 9)))
        gtin = payload + check_digit(payload)
        texts.append(f"]d201{gtin}21{serial}{GS}17{expiry}10{lot}")
    return texts


def mixed_texts(count: int, seed: int = 2) -> list[str]:
    """The same in changing orders, with further elements: no two neighbours have one shape."""
    dice = random.Random(seed)
    texts = []
    for text in line_of_packs(count, seed):
        gtin, rest = text[3:19], text[19:]
        serial, tail = rest.split(GS)
        expiry, lot = tail[:8], tail[8:]
        parts = [(serial, True), (expiry, False), (lot, True), ("11250101", False)]
        parts += [(f"240{dice.randint(1, 9999)}", True), (f"710{dice.randint(1, 9999):04}", True)]
        parts = dice.sample(parts, dice.randint(2, 6))
        body = "".join(p + (GS if variable else "") for p, variable in parts)
        texts.append("]d2" + gtin + body.removesuffix(GS))
    return texts


FORMS = ("01 10 30", "01 10 91", "00 37", "01 10 16 21", "01 10 99")
"""Labels whose separators are lost, by their identifiers."""
SPOILT_PER_FORM = 300


def spoilt(form: str, dice: random.Random, *, twice: bool = False) -> tuple[str, dict[str, str]]:
    """A label without separators, once or twice, and what it says."""
    truth = {code: _data(code, dice) for code in form.split()}
    text = "".join(code + value for code, value in truth.items())
    return text * (2 if twice else 1), truth


def _data(code: str, dice: random.Random) -> str:
    if code in ("00", "01"):
        payload = "".join(dice.choices("0123456789", k=17 if code == "00" else 13))
        return payload + check_digit(payload)
    if code == "16":
        return f"{dice.randint(26, 35)}{dice.randint(1, 12):02}{dice.randint(1, 28):02}"
    if code in ("30", "37"):
        return str(dice.randint(1, 9_999))
    alphabet = dice.choice((ALPHANUMERIC, "0123456789"))
    return "".join(dice.choices(alphabet, k=dice.randint(4, 16)))


def without_separators(seed: int = 3) -> None:
    """What is read of labels without separators and of double scans."""
    kinds = [(form, False) for form in FORMS] + [("01 21", True), ("01 10 21", True)]
    for form, twice in kinds:
        dice = random.Random(f"{seed} {form}")
        silent = among = 0
        for _ in range(SPOILT_PER_FORM):
            text, truth = spoilt(form, dice, twice=twice)
            found = recover(text)
            among += truth in [one.reading.elements for one in found]
            right = found[0].reading.elements == truth
            silent += not right and not any(one.is_ambiguous for one in found)
        name = f"({form.replace(' ', ')(')})" + (" scanned twice" if twice else "")
        share = 100 * among / SPOILT_PER_FORM
        print(f"{name:<28} silently wrong {silent} (goal 0), truth told {share:.1f} % (goal 95)")


def per_second(work, texts) -> float:
    """Texts per second of processor time, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for text in texts:
            work(text)
        best = min(best, time.process_time() - start)
    return len(texts) / best


def growth() -> tuple[float, str]:
    """How much longer 2 kB take than 200 bytes at worst, and for what text."""
    heads = ["", "]d2", "(01)", "https://x/", "[)>\x1e06\x1d", "+"]
    units = ["10A\x1d", "(10)A", "(", "01/", "\x1d", "9N1", "0109506000134352", "A", "21", "%41"]
    found = []
    for head in heads:
        for unit in units:
            short, long = (head + unit * (size // len(unit)) for size in (200, 2_000))
            ratio = per_second(read, [short] * 50) / per_second(read, [long] * 50)
            found.append((ratio, f"{head!r} and {unit!r} over and over"))
    return max(found)


def main(texts: int = 4_000) -> dict[str, float]:
    """Print the table; the ratios by name come back for those who join several benchmarks."""
    import biip
    from biip.gs1_messages import GS1Message

    biip.parse(line_of_packs(1)[0])  # its table of prefixes is unpacked outside the clock
    sides = {
        "parse and validate": lambda text: element_string.parse(text[3:]),
        "read(): recognise, parse, validate": read,
        "biip.parse": biip.parse,
        "biip GS1Message.parse alone": lambda text: GS1Message.parse(text[3:]),
    }
    ratios = {}
    for name, made in (("four-AI packs", line_of_packs), ("mixed shapes", mixed_texts)):
        samples = made(texts)
        share = samples[: max(texts // 10, 50)]
        rates = {
            side: per_second(work, share if side.startswith("biip") else samples)
            for side, work in sides.items()
        }
        print(f"{name} ({texts} texts)")
        for side, rate in rates.items():
            ratio = rate / rates["biip.parse"]
            print(f"  {side:<36} {rate:>10,.0f} /s   {ratio:6.1f} x biip.parse")
            ratios[f"{name}: {side}"] = ratio
    wanted = ratios["four-AI packs: parse and validate"]
    print(f"element-string parse+validate: {wanted:.1f} x biip (goal 15)")
    ratio, what = growth()
    print(f"2 kB against 200 bytes, worst: {ratio:.1f} x, for {what} (goal 10)")
    without_separators()
    return ratios


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=4_000)
    main(**vars(parser.parse_args()))
