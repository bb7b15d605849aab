"""Random histories of packs, asked at every door of a started server: do they agree, and rightly?

The truth comes from the generator, which knows what it told of each pack and is written apart from
the engine. Printed: histories by truth, contradictions between doors, packs that some door passed
though they ended, are recalled or have a lasting condition, and answers other than the truth.

Run: `python -m benchmarks.doors [--histories 10000] [--seed 1]`; exits with 1 where a count is
not 0.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.capture import record
from epcis.http_context import utc_now
from epcis.model import AggregationEvent, Node, ObjectEvent
from tests.doors import SELLING, VERIFYING, PrintedPack, rest_bulk, stock_items
from tests.hands import serve_in
from verification.decision.act import ParticipantRole, Who
from verification.decision.words import Doubt, LotState
from verification.registry.pack_registry import set_doubt, set_lot_state
from verification.registry.participants import register

if TYPE_CHECKING:
    from epcis.ledger.store import Transaction
    from epcis.model import Event

GTIN = "05901234123457"
STEP, DISP = "urn:epcglobal:cbv:bizstep:", "urn:epcglobal:cbv:disp:"
COPIES = ("look", "supply", "partial", "rest", "soap", "bulk")
"""Packs of one history: acts change a pack, so each acting door gets a copy of its own."""
STEPS_MAX = 6
KINDS = (
    "contradictions between doors",
    "passed though ended, recalled or conditioned",
    "other than the truth",
    "otherwise in a bulk",
)
ASKING = 4
"""Questions at a time."""
BATCH = 200
"""Histories written in one transaction."""


@dataclass
class History:
    """What was told of a pack, as the generator knows it."""

    number: int
    lot: str
    printed: date
    told_expiry: bool
    ended: bool = False
    returned: bool = False
    seen_after: bool = False
    lasting: set[str] = field(default_factory=set)
    recalled: bool = False
    above: str = ""
    case: str = ""
    events: list[Event] = field(default_factory=list)

    @property
    def truth(self) -> str:
        """OK, STOP or CHECK, by the field-cases' own words."""
        over = self.printed < utc_now().date()
        only_returned = self.returned and not self.seen_after
        if over or self.recalled or self.above in ("recalled", "illegitimate"):
            return "STOP"
        if self.ended and not only_returned:
            return "STOP"
        if self.ended or self.lasting or not self.told_expiry or self.above in ("held", "suspect"):
            return "CHECK"
        return "OK"

    def pack(self, copy: str) -> PrintedPack:
        """The copy of the pack that a door is asked about."""
        return PrintedPack(GTIN, f"H{self.number}{copy}", self.lot, self.printed)

    @property
    def epcs(self) -> tuple[str, ...]:
        """All its copies."""
        return tuple(f"https://id.gs1.org/01/{GTIN}/21/{self.pack(one).serial}" for one in COPIES)


def drawn(number: int, draw: random.Random) -> History:
    """One random history."""
    today = utc_now().date()
    printed = today + timedelta(days=draw.choice((500, 500, 500, -3)))
    one = History(number, f"L{number}", printed, draw.random() < 0.9)
    tell(one, 0, "commissioning", "active", made=True)
    for hour in range(1, draw.randint(1, STEPS_MAX) + 1):
        _step(one, hour, draw)
    one.above = draw.choice(("", "", "", "", "recalled", "held", "suspect", "illegitimate"))
    return one


def _step(one: History, hour: int, draw: random.Random) -> None:
    what = draw.choice(
        ("move", "move", "pack", "condition", "lift", "recall", "end", "return", "case-condition")
    )
    if what == "move":
        tell(one, hour, draw.choice(("receiving", "storing")), "in_progress")
        # What a customer returned is on its way back: who takes it in does not make it worse.
        one.seen_after = one.seen_after or (one.ended and not one.returned)
        one.case = ""  # who handles the pack by itself has taken it out of its case
        one.lasting.discard("case")
    elif what == "pack" and not one.case and not one.ended:
        one.case = f"https://id.gs1.org/00/{one.number * 10 + hour:018d}"
        one.events.append(packed(one, hour))
    elif what == "condition" and not one.ended:
        word = draw.choice(("damaged", "non_conformant", "no_pedigree_match", "mismatch_instance"))
        tell(one, hour, "inspecting", word)
        one.lasting.add("own")
    elif what == "lift" and not one.ended:
        tell(one, hour, "inspecting", "sellable_accessible")
        one.lasting.discard("own")
        one.lasting.discard("case")
    elif what == "recall" and draw.random() < 0.3 and not one.ended:
        tell(one, hour, "inspecting", "recalled")
        one.recalled = True
    elif what == "end" and draw.random() < 0.4 and not one.ended:
        step, word = draw.choice((("destroying", "destroyed"), ("dispensing", "dispensed")))
        tell(one, hour, step, word)
        one.ended, one.seen_after = True, False
        one.returned = False
        one.case = ""
    elif what == "return" and one.ended and one.events[-1].disposition == DISP + "dispensed":
        tell(one, hour, "receiving", "returned")
        one.returned = True


def tell(one: History, hour: int, step: str, word: str, *, made: bool = False) -> None:
    """An event that names the packs themselves."""
    ilmd = [Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber", children=(one.lot,))]
    if one.told_expiry:
        name, day = "itemExpirationDate", one.printed.isoformat()
        ilmd.append(Node(namespace="urn:epcglobal:cbv:mda", name=name, children=(day,)))
    one.events.append(
        ObjectEvent(
            event_time=at(hour),
            event_time_zone_offset="+00:00",
            action="ADD" if made else "OBSERVE",
            biz_step=STEP + step,
            disposition=DISP + word,
            epcs=one.epcs,
            ilmd=tuple(ilmd) if made else None,
        )
    )


def packed(one: History, hour: int) -> AggregationEvent:
    """The event that puts the packs into a case."""
    return AggregationEvent(
        event_time=at(hour),
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step=STEP + "packing",
        parent_id=one.case,
        child_epcs=one.epcs,
    )


def at(hour: int) -> str:
    """The time of a step, thirty days ago and so many hours later."""
    moment = utc_now() - timedelta(days=30) + timedelta(hours=hour)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def put(tx: Transaction, one: History) -> None:
    """Write a history into the store."""
    record(tx, one.events)
    states = {"recalled": LotState.RECALLED, "held": LotState.HELD}
    doubts = {"suspect": Doubt.SUSPECT, "illegitimate": Doubt.ILLEGITIMATE}
    if one.above in states:
        set_lot_state(tx, GTIN, one.lot, states[one.above], "drawn", now=tx.now, by="benchmark")
    elif one.above:
        case = f"C{one.number}"
        set_doubt(tx, GTIN, doubts[one.above], case_id=case, now=tx.now, lot=one.lot)


def asked(http: httpx.Client, one: History) -> dict[str, tuple[bool, str | None]]:
    """What each door says about one history: whether it passed, and its word."""
    said = {}
    for door, ask in VERIFYING.items():
        if "returns" not in door:  # nobody answers for the product here: a return waits at best
            told = ask(http, one.pack("look"))
            said[door] = (told.passed, told.word)
    acting = dict(zip(("supply", "partial", "rest", "soap"), _acting(), strict=True))
    for copy, door in acting.items():
        told = SELLING[door](http, one.pack(copy))
        said[door] = (told.passed, told.word)
    return said


def _acting() -> tuple[str, ...]:
    wanted = ("POST /packs/supply", "POST /packs/partial-supply", "PATCH ", "POST /fmd/soap")
    return tuple(next(door for door in SELLING if door.startswith(one)) for one in wanted)


def main() -> int:
    """Draw, serve, ask, print; 1 where any door is wrong."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--histories", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    draw = random.Random(given.seed)
    histories = [drawn(number, draw) for number in range(given.histories)]
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), histories)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")}
        environment |= {"PACKTRAIL_DATA_DIR": folder, "PYTHONUNBUFFERED": "1"}
        with (
            serve_in(environment) as server,
            httpx.Client(base_url=server.address, timeout=60) as http,
        ):
            return _judge(http, histories)


def _fill(folder: Path, histories: list[History]) -> None:
    store = open_migrated(Settings(data_dir=folder))
    try:
        for start in range(0, len(histories), BATCH):
            with store.write(utc_now()) as tx:
                if not start:
                    who = Who(client="local", role=ParticipantRole.PHARMACY, location="shop")
                    register(tx, who, by="benchmark")
                for one in histories[start : start + BATCH]:
                    put(tx, one)
    finally:
        store.close()


def _in_stock(http: httpx.Client) -> set[str]:
    """The serial numbers of everything that stock offers."""
    found = stock_items(http, gtin=GTIN, standing="in stock", limit="1000")
    return {one["id"].rpartition("/")[2] for one in found}


def _judge(http: httpx.Client, histories: list[History]) -> int:
    began_s = time.monotonic()
    wrong: Counter[str] = Counter()
    answers = 0
    in_stock = _in_stock(http)
    with ThreadPoolExecutor(ASKING) as clients:
        answered = clients.map(lambda one: asked(http, one), histories)
        asked_of = list(zip(histories, answered, strict=True))
    for one, said in asked_of:
        said["GET /stock/items"] = (one.pack("look").serial in in_stock, None)
        answers += len(said)
        passed = {door for door, (did, _) in said.items() if did}
        words = {word for _, word in said.values() if word is not None}
        if 0 < len(passed) < len(said) or len(words) > 1:
            wrong[KINDS[0]] += 1
            print(one.number, one.truth, said)
        if passed and one.truth != "OK":
            wrong[KINDS[1]] += 1
        if words != {one.truth}:
            wrong[KINDS[2]] += 1
            print(one.number, one.truth, one.events, one.above, words)
    bulk = [one.pack("bulk") for one in histories]
    for start in range(0, len(bulk), 5000):
        part = histories[start : start + 5000]
        told = rest_bulk(http, bulk[start : start + 5000], "Supplied")
        answers += len(told)
        wrong[KINDS[3]] += sum(
            did.passed is not (one.truth == "OK") for one, did in zip(part, told, strict=True)
        )
    truths = Counter(one.truth for one in histories)
    doors = len(said) + 1
    print(f"{len(histories)} histories ({dict(truths)}) x {doors} doors = {answers} answers")
    for name in KINDS:
        print(f"{name}: {wrong[name]}")
    print(f"{answers / (time.monotonic() - began_s):.0f} answers/s")
    return 1 if sum(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
