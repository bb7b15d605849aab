"""How much is read from damaged codes, and at what price, beside bare zxing-cpp in the same run.

    python -m benchmarks.scanning [--seed 1] [--per-level 5]
                                  [--only degraded marked samples rack tote text]

`degraded` draws our own pictures in 22 families and, where the published material lies beside the
checkout (../shared, or PACKTRAIL_SHARED), those of its generator too; `marked` draws 50 pictures of
each level that has a mark of its own. `samples` reads the published photographs, `rack` those of
racks drawn again with blur, tilt and glare, `tote` draws 12 megapixels with 40 codes, `text` parses
element strings beside biip.
Times are processor time of this process; every ratio is taken within the run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import zxingcpp

from benchmarks.degraded.families import draw
from benchmarks.degraded.rack import DAMAGES, drawn_again
from benchmarks.degraded.tote import draw_tote
from verification.image.limits import PictureLimits
from verification.image.page import filtered, marks_on
from verification.image.sheet import PictureRefused, Sheet, open_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from verification.image.symbol import Mark

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("PACKTRAIL_SHARED", ROOT.parent / "shared"))
LIMITS = PictureLimits()
PROMISED_90 = {
    "contrast": {10.0, 6.0},
    "noise": {80.0},
    "quiet zone": {0.25, 0.0},
    "quiet": {0.25, 0.0},
}
"""Levels of which nine in ten must be read."""
MARKED_PER_LEVEL = 50
"""Pictures drawn of such a level: five could not tell 85 % from 95 %."""
RACK_MARK = 98
"""Percent of the codes readable in the undamaged photographs that must be read when damaged."""


@dataclass
class Tally:
    """What one set of degraded pictures gave."""

    pictures: Counter[tuple[str, float]] = field(default_factory=Counter)
    raw: Counter[tuple[str, float]] = field(default_factory=Counter)
    filters: Counter[tuple[str, float]] = field(default_factory=Counter)
    ours: Counter[tuple[str, float]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stages: Counter[str] = field(default_factory=Counter)
    stage_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    raw_s: list[float] = field(default_factory=list)
    ours_s: list[float] = field(default_factory=list)
    raw_read: list[bool] = field(default_factory=list)

    def add(self, name: str, level: float, grey: np.ndarray, truth: bytes) -> None:
        """Read one picture both ways."""
        key = (name, level)
        seen, raw_s = timed(lambda: zxingcpp.read_barcodes(grey))
        (marks, _), ours_s = timed(lambda: marks_on(Sheet(0, grey), LIMITS))
        by_raw = any(code.bytes == truth for code in seen)
        by_filters = by_raw or any(m.data == truth for m in filtered(Sheet(0, grey)))
        by_us = any(mark.data == truth for mark in marks)
        self.pictures[key] += 1
        self.raw[key] += by_raw
        self.filters[key] += by_filters
        self.ours[key] += by_us
        self.wrong += [f"{key}: {mark.raw!r}" for mark in marks if mark.data != truth]
        stage = marks[0].stage if by_us else "not read"
        self.stages[stage] += 1
        self.stage_s[stage] += ours_s
        self.raw_s.append(raw_s)
        self.ours_s.append(ours_s)
        self.raw_read.append(by_raw)

    def report(self, title: str) -> None:
        """The table per family and the figures below it."""
        print(f"\n{title}: {self.pictures.total()} pictures")
        print(f"{'family':<18}{'raw':>6}{'filters':>9}{'ours':>6}   ours by level")
        for name in dict.fromkeys(name for name, _ in self.pictures):
            keys = [key for key in self.pictures if key[0] == name]
            shares = [sum(tally[k] for k in keys) for tally in (self.raw, self.filters, self.ours)]
            total = sum(self.pictures[k] for k in keys)
            raw, filters, ours = (f"{100 * share / total:.0f} %" for share in shares)
            levels = " ".join(f"{k[1]:g}:{self.ours[k]}/{self.pictures[k]}" for k in keys)
            print(f"{name:<18}{raw:>6}{filters:>9}{ours:>6}   {levels}")
        self._print_totals()
        self._print_times()

    def _print_totals(self) -> None:
        total = self.pictures.total()
        for name, tally in (("raw", self.raw), ("filters", self.filters), ("ours", self.ours)):
            print(f"{name}: {100 * tally.total() / total:.1f} % read", end="; ")
        print(f"wrong payloads: {len(self.wrong)}")
        for wrong in self.wrong:
            print("  WRONG", wrong)

    def report_marks(self, title: str) -> None:
        """Each level that has a mark of its own, beside its mark."""
        print(f"\n{title}, levels with a mark: wrong payloads: {len(self.wrong)}")
        for name, levels in PROMISED_90.items():
            for level in sorted(levels):
                if self.pictures[name, level]:
                    total = self.pictures[name, level]
                    share = 100 * self.ours[name, level] / total
                    print(f"{name} {level:g}: {share:.0f} % of {total} (must be 90 %)")

    def _print_times(self) -> None:
        raw, ours = np.array(self.raw_s), np.array(self.ours_s)
        easy = np.array(self.raw_read)
        print(
            f"time where raw reads it: {ours[easy].sum() / raw[easy].sum():.2f} x raw (most 1.5);"
            f" whole set: {float(ours.sum()) / float(raw.sum()):.1f} x (at most 20);"
            f" worst picture: {(ours / raw).max():.0f} x (at most 500)"
        )
        for stage, count in self.stages.most_common():
            mean_ms = 1000 * self.stage_s[stage] / count
            print(f"  stage {stage}: {count} pictures, mean {mean_ms:.1f} ms")


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What an act gives and the processor seconds it took."""
    start = time.process_time()
    given = act()
    return given, max(time.process_time() - start, 1e-6)


def degraded(seed: int, per_level: int) -> None:
    """Both generators, the same table."""
    tally = Tally()
    for sample in draw(seed, per_level):
        tally.add(sample.family, sample.level, sample.grey, sample.data)
    tally.report(f"our generator, seed {seed}")
    tally = Tally()
    for name, level, grey, truth in published(seed, per_level):
        tally.add(name, level, grey, truth)
    if tally.pictures:
        tally.report(f"the published generator, seed {seed}")


def published(
    seed: int, per_level: int, families: Iterable[str] = ()
) -> Iterator[tuple[str, float, np.ndarray, bytes]]:
    """Family, level, picture and truth of what the published generator draws."""
    generator = SHARED / "tools" / "degraded_codes.py"
    if not generator.is_file():
        print("the published generator is not beside the checkout: skipped")
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(generator), folder, str(per_level), str(seed), *families]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for item in json.loads((Path(folder) / "items.json").read_text()):
            grey = cv2.imread(item["path"], cv2.IMREAD_GRAYSCALE)
            truth = bytes.fromhex(item["data"])
            yield item["set"].split("/")[1], float(item["level"]), grey, truth


def marked(seed: int) -> None:
    """The levels that have a mark of their own, drawn often enough to judge them."""
    tally = Tally()
    for sample in draw(seed, MARKED_PER_LEVEL, ("contrast", "noise", "quiet zone")):
        if sample.level in PROMISED_90[sample.family]:
            tally.add(sample.family, sample.level, sample.grey, sample.data)
    tally.report_marks(f"our generator, seed {seed}")
    tally = Tally()
    for name, level, grey, truth in published(
        seed, MARKED_PER_LEVEL, ("contrast", "noise", "quiet")
    ):
        if level in PROMISED_90[name]:
            tally.add(name, level, grey, truth)
    if tally.pictures:
        tally.report_marks(f"the published generator, seed {seed}")


def rack(seed: int) -> None:
    """The photographs of racks, drawn again with blur, tilt and glare."""
    folder = SHARED / "data" / "images" / "rack"
    if not folder.is_dir():
        print("the published photographs are not beside the checkout: skipped")
        return
    print()
    all_read = all_readable = 0
    for damage in DAMAGES:
        read = readable = wrong = 0
        for number, (name, truth) in enumerate(_expected(folder).items()):
            grey = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
            # What any decoder reads of the photograph as it was taken.
            before = {code.text for code in zxingcpp.read_barcodes(grey)}
            before |= {mark.raw for mark in marks_on(Sheet(0, grey), LIMITS)[0]}
            again = drawn_again(grey, damage, np.random.default_rng([seed, number]))
            said = {mark.raw for mark in marks_on(Sheet(0, again), LIMITS)[0]}
            readable += len(before & set(truth))
            read += len(said & before & set(truth))
            wrong += len(said - set(truth))
        print(f"rack again, {damage}: {read}/{readable} codes, {wrong} wrong")
        all_read, all_readable = all_read + read, all_readable + readable
    share = 100 * all_read / all_readable
    print(f"rack again, all: {share:.1f} % of {all_readable} (must be {RACK_MARK} %)")


def _expected(folder: Path) -> dict[str, list[str]]:
    expected: dict[str, list[str]] = json.loads((folder / "expected.json").read_text())
    return expected


def samples() -> None:
    """The published photographs."""
    images = SHARED / "data" / "images"
    if not images.is_dir():
        print("the published photographs are not beside the checkout: skipped")
        return
    read = total = 0
    for path, truths in _labelled(images / "datamatrix"):
        total += 1
        said = [m for m in _marks(path) if "Matrix" in m.symbology]
        right = any({m.data, m.raw.encode()} & truths for m in said)
        read += right
        if not right:
            print(f"  not read: {path.name}: {[m.raw[:40] for m in said]}")
    print(f"\ndatamatrix: {read}/{total} read")
    for name in ("rack", "direct-part-mark"):
        _photographs(images / name)
    false = [
        (path.name, mark.raw)
        for path in sorted((images / "no-datamatrix").iterdir())
        for mark in _marks(path)
        if "Matrix" in mark.symbology
    ]
    print(f"no-datamatrix: {len(false)} false readings {false or ''}")


def _photographs(folder: Path) -> None:
    read = total = wrong = 0
    raw_s = ours_s = 0.0
    for name, truth in _expected(folder).items():
        grey = cv2.imread(str(folder / name), cv2.IMREAD_GRAYSCALE)
        raw_s += timed(lambda grey=grey: zxingcpp.read_barcodes(grey))[1]
        (marks, _), seconds = timed(lambda grey=grey: marks_on(Sheet(0, grey), LIMITS))
        ours_s += seconds
        said = [mark.raw for mark in marks]
        read += len(set(said) & set(truth))
        wrong += len([text for text in said if text not in truth])
        total += len(truth)
    print(f"{folder.name}: {read}/{total} codes, {wrong} wrong, {ours_s / raw_s:.1f} x raw's time")


def _labelled(folder: Path) -> Iterator[tuple[Path, set[bytes]]]:
    """Each picture with the bytes its description allows."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".png", ".jpg", ".webp"):
            continue
        truths: set[bytes] = set()
        for suffix in (".txt", ".bin"):
            described = path.with_suffix(suffix)
            if described.is_file():
                said = described.read_bytes()
                truths |= {said, said.rstrip(b"\r\n")}
        if truths:
            yield path, truths


def _marks(path: Path) -> list[Mark]:
    marks: list[Mark] = []
    with contextlib.suppress(PictureRefused):
        for sheet in open_picture(path.read_bytes(), LIMITS).sheets:
            marks += marks_on(sheet, LIMITS)[0]
    return marks


def tote(seed: int) -> None:
    """40 packs in 12 megapixels."""
    print()
    for module_px in (3.5, 5.0):
        for number in range(3):
            grey, truth = draw_tote(seed + number, module_px)
            seen, raw_s = timed(lambda grey=grey: zxingcpp.read_barcodes(grey))
            (marks, _), ours_s = timed(lambda grey=grey: marks_on(Sheet(0, grey), LIMITS))
            raw = len({code.bytes for code in seen} & set(truth))
            ours = {mark.data for mark in marks}
            print(
                f"tote, {module_px} px a module: raw {raw}/40, ours {len(ours & set(truth))}/40, "
                f"wrong {len(ours - set(truth))}, {ours_s / raw_s:.2f} x raw's time (at most 2)"
            )


def text(rounds: int = 3000) -> None:
    """Parsing and checking a pack's element string, beside biip."""
    import biip

    from schemas.gs1.element_string import parse

    strings = [f"0109506000134352211A{n:09}\x1d1727053110L{n % 97}" for n in range(rounds)]

    def all_of(act: Callable[[str], object], given: Iterable[str]) -> None:
        for string in given:
            act(string)

    def by_biip(string: str) -> object:
        return biip.parse(string)

    _, ours_s = timed(lambda: all_of(parse, strings))
    few = strings[: rounds // 10]
    _, biip_s = timed(lambda: all_of(by_biip, few))
    ratio = (biip_s / len(few)) / (ours_s / len(strings))
    print(f"\nelement strings: {ratio:.1f} x biip {biip.__version__} (must be 15)")


def main() -> None:
    """Measure what was asked for."""
    chosen = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    chosen.add_argument("--seed", type=int, default=1)
    chosen.add_argument("--per-level", type=int, default=5)
    every = ("degraded", "marked", "samples", "rack", "tote", "text")
    chosen.add_argument("--only", nargs="+", choices=every, default=every)
    asked = chosen.parse_args()
    if "degraded" in asked.only:
        degraded(asked.seed, asked.per_level)
    if "marked" in asked.only:
        marked(asked.seed)
    if "samples" in asked.only:
        samples()
    if "rack" in asked.only:
        rack(asked.seed)
    if "tote" in asked.only:
        tote(asked.seed)
    if "text" in asked.only:
        text()


if __name__ == "__main__":
    main()
