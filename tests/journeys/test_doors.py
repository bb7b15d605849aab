"""Whatever is known of a pack, every door of a started server and the command line say the same.

Packs are put into a store in every single situation and in many mixed ones, drawn by a seed; then a
server is started over it and each door is asked about packs of its own.
"""

from __future__ import annotations

import base64
import os
import random
from collections import Counter
from datetime import date, timedelta
from itertools import product
from zipfile import ZipFile

import httpx
import msgspec
import orjson
import pytest
from doors import (
    SELLING,
    SITE,
    TAKING_OUT,
    UNDOING,
    VERIFYING,
    PrintedPack,
    dossier,
    known_doors,
    pick_lists,
    rest_bulk,
    rows_of,
    silent_because,
    stock_items,
)
from hands import hand, serve_in
from typer.main import get_command

from compliance.quarantine.quarantine import place_quarantine
from compliance.quarantine.subject import QuarantineSubject
from compliance.service.cli import command_line
from compliance.service.migrate import open_migrated
from compliance.service.policy import POLICY
from compliance.service.settings import Settings
from epcis.capture import record
from epcis.http_context import utc_now
from epcis.model import AggregationEvent, Node, ObjectEvent, Place, SensorElement, SensorReport
from schemas.dispositions import MEANINGS, DispositionKind
from schemas.gs1.content_rules import check_digit
from verification.decision.act import (
    TO_VERIFY,
    Asked,
    ParticipantRole,
    Who,
)
from verification.decision.decide import decide
from verification.decision.facts import facts_of
from verification.decision.rule_pack import shipped
from verification.decision.sensors import SensorLimit, SensorRule
from verification.decision.words import Doubt, LotState, PackState, ProductState, Reason, Word
from verification.offline.offline_snapshot import OfflineSnapshot, SnapshotContent
from verification.registry.pack_registry import set_doubt, set_lot_state, set_product_state
from verification.registry.pack_tables import pack as pack_table
from verification.registry.participants import register
from verification.registry.sensor_rules import set_rule

GOOD, WITHDRAWN = "05901234123457", "00355555678908"
SEED, MIXED = 11, 30
NOW = utc_now()
STEPS = "urn:epcglobal:cbv:bizstep:"
WORDS = sorted(
    word
    for word, meaning in MEANINGS.items()
    if meaning.kind in (DispositionKind.NOT_SELLABLE, DispositionKind.ENDED, DispositionKind.LOCKED)
)
OWN = [
    "",
    "only-uploaded",
    "https://example.com/disp/wet",
    "case:damaged",
    "case:recalled",
    "two-lots",
    "quarantine:pack",
    "quarantine:pallet",
    "sensor:20 CEL",
    "sensor:5 QQQ",
    "case:sensor:32 FAH",
    *WORDS,
    *(f"registry:{state.value}" for state in PackState if state is not PackState.ACTIVE),
]
"""What is told of the pack itself: a disposition, one of its case, or its state by the registry."""
EXPIRIES = {"good": 400, "over": -2, "none": None}
CLEAN = ("", "good", LotState.ACTIVE, None, False)


def situations() -> list[tuple]:
    """Every single fact, and mixed ones."""
    single = [(own, *CLEAN[1:]) for own in OWN]
    single += [("", expiry, *CLEAN[2:]) for expiry in EXPIRIES]
    single += [("", "good", state, None, False) for state in LotState]
    single += [("", "good", LotState.ACTIVE, doubt, False) for doubt in Doubt]
    single += [("", "good", LotState.ACTIVE, None, True)]
    mixed = list(product(OWN, EXPIRIES, LotState, (None, *Doubt), (False, True)))
    return [*dict.fromkeys(single), *random.Random(SEED).sample(mixed, MIXED)]


SITUATIONS = situations()
DOORS = VERIFYING | SELLING | UNDOING | TAKING_OUT
ASKED = [*DOORS, "bulk verify", "bulk supply", "snapshot", "command", "dossier", "stock"]
ENDS = {
    Reason.DISPENSED, Reason.DESTROYED, Reason.EXPORTED, Reason.SAMPLE, Reason.FREE_SAMPLE,
    Reason.CHECKED_OUT, Reason.DECOMMISSIONED,
}  # fmt: skip
LEFT_TRADE = {"Supplied", "Destroyed", "Exported", "Sample", "FreeSample", "CheckedOut",
              "Decommissioned"}  # fmt: skip
ALL_TIME = {"from": "2020-01-01", "to": "2100-01-01"}


def printed(number: int, door: str) -> PrintedPack:
    """The pack of a situation that a door is asked about; what is printed is always a full code."""
    _, expiry, _, _, withdrawn = SITUATIONS[number]
    days = EXPIRIES[expiry]
    day = NOW.date() + timedelta(days=400 if days is None else days)
    gtin = WITHDRAWN if withdrawn else GOOD
    return PrintedPack(gtin, f"N{number}D{ASKED.index(door)}", f"L{number}", day)


def packs_of(number: int) -> list[PrintedPack]:
    return [printed(number, door) for door in ASKED]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder whose database has packs in every situation, and what the engine says."""
    folder = tmp_path_factory.mktemp("doors")
    store = open_migrated(Settings(data_dir=folder))
    told = {}
    try:
        with store.write(NOW) as tx:
            who = Who(client="local", role=ParticipantRole.PHARMACY, location="shop")
            register(tx, who, by="q")
            set_product_state(
                tx, WITHDRAWN, ProductState.WITHDRAWN, "x", market="", now=NOW, by="q"
            )
            limit = SensorLimit("Temperature", "CEL", low="2", high="8")
            set_rule(tx, SensorRule(GOOD, limits=(limit,)), by="q")
            for number, situation in enumerate(SITUATIONS):
                put(tx, number, situation)
        with store.read() as snapshot:
            for number in range(len(SITUATIONS)):
                one = printed(number, ASKED[0])
                asked = Asked(one.gtin, one.serial, one.lot, one.expiry)
                facts = facts_of(snapshot, asked)
                told[number] = decide(facts, TO_VERIFY, shipped(), NOW)
    finally:
        store.close()
    return folder, told


def put(tx, number, situation):
    own, expiry, lot_state, doubt, _ = situation
    packs = packs_of(number)
    first = packs[0]
    day = None if EXPIRIES[expiry] is None else first.expiry
    if own.startswith(("registry:", "only-uploaded", "two-lots")):
        state = own.partition(":")[2] or "Active"
        upload(tx, packs, state, day)
    if not own.startswith(("registry:", "only-uploaded")):
        tell(tx, number, own, packs, day)
    if own == "quarantine:pallet":
        held(tx, "pallet", container=sscc(number))
    elif own == "quarantine:pack":
        for one in packs:
            held(tx, "pack", gtin=one.gtin, serial=one.serial)
    if lot_state is not LotState.ACTIVE:
        set_lot_state(tx, first.gtin, first.lot, lot_state, "x", now=NOW, by="q")
    if doubt is not None:
        set_doubt(tx, first.gtin, doubt, case_id=f"C{number}", now=NOW, lot=first.lot)


def sscc(number):
    return f"{number:017d}{check_digit(f'{number:017d}')}"


def held(tx, kind, **what):
    subject = QuarantineSubject.parse(kind, **what)
    place_quarantine(tx, subject, reason="x", by="q")


def upload(tx, packs, state, day):
    rows = [
        {
            "code": one.gtin, "serial": one.serial, "lot": one.lot,
            "expiry": day.isoformat() if day else None, "state": state,
            "since_us": int(NOW.timestamp() * 1e6), "location": "", "authorisation": "",
            "repeats": 0, "version": 1, "stolen": 0, "public": 0,
        }
        for one in packs
    ]  # fmt: skip
    tx.connection.execute(pack_table.insert(), rows)


def made(hours, epcs, lot, day):
    """The event that commissions packs of a lot, an upload's too."""
    ilmd = [Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber", children=(lot,))]
    if day is not None:
        ilmd.append(
            Node(
                namespace="urn:epcglobal:cbv:mda",
                name="itemExpirationDate",
                children=(day.isoformat(),),
            )
        )
    return event(hours, "commissioning", "active", epcs, action="ADD", ilmd=tuple(ilmd))


def tell(tx, number, own, packs, day: date | None):
    """Commission the packs by an event, put them into a case, and tell what is told of them."""
    epcs = tuple(f"https://id.gs1.org/01/{one.gtin}/21/{one.serial}" for one in packs)
    events = [made(0, epcs, packs[0].lot, day)]
    if own == "two-lots":
        events.append(made(1, epcs, "OTHER", day))
    case = f"https://id.gs1.org/00/{sscc(number)}"
    if own.startswith(("case:", "quarantine:")):
        events.append(
            AggregationEvent(
                event_time=at(1),
                event_time_zone_offset="+00:00",
                action="ADD",
                biz_step=STEPS + "packing",
                parent_id=case,
                child_epcs=epcs,
            )
        )
        if own.startswith("case:"):
            events.append(seen(own.partition(":")[2], (case,)))
    elif own and own != "two-lots":
        events.append(seen(own, epcs))
    record(tx, events)


def seen(own, epcs):
    """An inspection with a disposition, or with a reading of a sensor as `sensor:20 CEL`."""
    kind, _, reading = own.partition(":")
    if kind != "sensor":
        return event(2, "inspecting", own, epcs)
    value, uom = reading.split()
    report = SensorReport(type="gs1:Temperature", value=value, uom=uom)
    element = SensorElement(reports=(report,))
    return event(2, "inspecting", "in_progress", epcs, sensor_elements=(element,))


def event(hours, step, disposition, epcs, action="OBSERVE", **more):
    urn = disposition if ":" in disposition else f"urn:epcglobal:cbv:disp:{disposition}"
    place = Place(id="urn:epc:id:sgln:0614141.00777.0")
    more = {"biz_location": place, **more}
    return ObjectEvent(
        event_time=at(hours),
        event_time_zone_offset="+00:00",
        action=action,
        biz_step=STEPS + step,
        disposition=urn,
        epcs=epcs,
        read_point=place,
        **more,
    )


def at(hours):
    moment = NOW - timedelta(days=30) + timedelta(hours=hours)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


@pytest.fixture(scope="module")
def environment_of(home):
    folder, _ = home
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")}
    return {**kept, "PACKTRAIL_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def http(environment_of):
    with (
        serve_in(environment_of) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        yield client


def test_the_situations_are_what_they_should_be(home):
    _, told = home
    words = {number: judgement.verdict for number, judgement in told.items()}
    clean = [
        number
        for number, one in enumerate(SITUATIONS)
        if one in (CLEAN, ("only-uploaded", *CLEAN[1:]))
    ]
    assert {words[number] for number in clean} == {Word.OK}
    for number, one in enumerate(SITUATIONS):
        if number not in clean:
            assert words[number] in (Word.STOP, Word.CHECK), one
    seen = {reason for judgement in told.values() for reason in judgement.reasons}
    assert len(seen) > 20
    assert Reason.LOT_CONFLICT in seen


@pytest.mark.parametrize("door", VERIFYING)
def test_no_door_says_ok_about_a_pack_that_stops_or_waits(http, home, door):
    _, told = home
    for number, judgement in told.items():
        said = VERIFYING[door](http, printed(number, door))
        where = (SITUATIONS[number], judgement.reasons, said.what)
        if door in ("POST /packs/returns", "POST /returns", "POST /returns/packs"):
            assert not said.passed, where  # nobody answers for these products: wait at best
        else:
            assert said.passed is (judgement.verdict is Word.OK), where
        if said.word is not None:
            assert said.word == judgement.verdict.value, where


@pytest.mark.parametrize("door", [*SELLING, *UNDOING, *TAKING_OUT])
def test_no_act_goes_through_where_the_engine_forbids_it(http, home, door):
    _, told = home
    for number, judgement in told.items():
        one = printed(number, door)
        said = DOORS[door](http, one)
        if door in SELLING and judgement.verdict is not Word.OK:
            assert not said.passed, (SITUATIONS[number], judgement.reasons, said.what)
        if said.word is not None and not said.passed and judgement.verdict is not Word.OK:
            assert said.word == judgement.verdict.value, (SITUATIONS[number], said.what)
        if door == "POST /packs/supply":
            assert said.passed is (judgement.verdict is Word.OK), (SITUATIONS[number], said.what)


def test_a_bulk_says_the_same(http, home):
    _, told = home
    for name, state in (("bulk verify", None), ("bulk supply", "Supplied")):
        said = rest_bulk(http, [printed(number, name) for number in told], state)
        for (number, judgement), one in zip(told.items(), said, strict=True):
            assert one.passed is (judgement.verdict is Word.OK), (SITUATIONS[number], one.what)


def test_the_offline_snapshot_and_the_commands_say_the_same(http, home, environment_of):
    folder, told = home
    run = hand(environment_of)
    made = run("snapshot", "make", "-o", folder / "till.snapshot")
    assert made.code == 0, made.err
    (folder / "house.pem").write_text(run("snapshot", "key").out)
    for number, judgement in list(told.items())[:: max(1, len(told) // 8)]:
        one = printed(number, "snapshot")
        named = (one.gtin, one.serial, "--lot", one.lot, "--expiry", one.yymmdd, "--json")
        offline = run(
            "snapshot", "ask", folder / "till.snapshot", *named, "--key", folder / "house.pem"
        )
        assert (offline.code == 0) is (judgement.verdict is Word.OK), (SITUATIONS[number], offline)
        verdict = run("verify", *named)
        assert verdict.json["verdict"] == judgement.verdict.value, SITUATIONS[number]
        assert (verdict.code == 0) is (judgement.verdict is Word.OK)


def test_the_snapshot_over_http_holds_every_pack_that_stops_or_waits(http, home):
    _, told = home
    sealed = orjson.loads(http.get("/fmd/snapshot").content)
    content = msgspec.json.decode(base64.b64decode(sealed["content"]), type=SnapshotContent)
    snapshot = OfflineSnapshot(content)
    for number, judgement in told.items():
        one = printed(number, "snapshot")
        why = snapshot.stops(one.gtin, one.serial, one.lot, utc_now(), one.expiry)
        assert bool(why) is (judgement.verdict is not Word.OK), (SITUATIONS[number], why)
        bare = snapshot.stops(one.gtin, one.serial, None, utc_now())
        assert bare or judgement.verdict is Word.OK, SITUATIONS[number]


def test_a_dossier_of_a_pack_or_lot_says_what_a_verification_says(http, home):
    _, told = home
    for number, judgement in told.items():
        if SITUATIONS[number][0].startswith(("registry:", "only-uploaded")):
            continue  # put into the table here, so the log knows nothing of it
        one = printed(number, "dossier")
        wanted = {"kind": "pack", "gtin": one.gtin, "serial": one.serial}
        (row,) = rows_of(dossier(http, wanted)["Judgement of packs"])
        assert row["verdict"] == judgement.verdict.value, (SITUATIONS[number], row)
        said = [reason.value for reason in judgement.reasons if reason is not Reason.GENUINE]
        assert set(row["against it"].split(", ")) - {""} <= set(said), SITUATIONS[number]
    for number in list(told)[:: max(1, len(told) // 8)]:
        if SITUATIONS[number][0] in ("two-lots", "only-uploaded"):
            continue
        if SITUATIONS[number][0].startswith("registry:"):
            continue
        one = printed(number, "dossier")
        wanted = {"kind": "lot", "gtin": one.gtin, "lot": one.lot}
        rows = {row["serial"]: row for row in rows_of(dossier(http, wanted)["Judgement of packs"])}
        assert rows[one.serial]["verdict"] == told[number].verdict.value, SITUATIONS[number]


def test_the_reports_of_authorities_count_packs_as_verifications_judge_them(http, home):
    _, told = home
    asked = Counter()
    for number in told:
        for one in packs_of(number):
            named = {"gtin": one.gtin, "serial": one.serial}
            asked[http.get("/packs/status", params=named).json()["verdict"]] += 1
    for purpose in ("39(a)", "39(b)", "39(c)"):
        report = dossier(http, {"kind": "authority report", **ALL_TIME, "purpose": purpose})
        counted = Counter()
        for row in rows_of(report["States of packs"]):
            counted[row["verdict"]] += int(row["packs"])
        assert counted == asked


def test_the_packet_of_an_inspection_lists_everything_that_is_stopped(http, home):
    _, told = home
    found = dossier(http, {"kind": "dscsa inspection", **ALL_TIME})["Quarantine"]
    assert found["rows_total"] == len(found["rows"]), "so few are listed whole"
    packs, lots, products = {}, {}, set()
    for row in rows_of(found):
        if row["serial"]:
            packs[row["serial"]] = row
        elif row["lot"]:
            lots.setdefault(row["lot"], []).append(row["verdict"])
        else:
            products.add(row["GTIN"])
    for number, judgement in told.items():
        one = printed(number, "dossier")
        own = packs.get(one.serial)
        if judgement.verdict is Word.OK:
            assert own is None, SITUATIONS[number]
        elif own is not None:
            assert own["verdict"] == judgement.verdict.value, SITUATIONS[number]
        elif one.gtin not in products and judgement.verdict.value not in lots.get(one.lot, []):
            state = http.get("/packs/status", params=one.values).json()["state"]
            assert state in LEFT_TRADE, (SITUATIONS[number], judgement.reasons)


def test_stock_and_pick_lists_offer_what_a_verification_lets_go(http, home, environment_of):
    _, told = home
    stock = {
        one["id"].rpartition("/")[2]: one
        for gtin in (GOOD, WITHDRAWN)
        for one in stock_items(http, gtin=gtin)
    }
    for number, judgement in told.items():
        own, where = SITUATIONS[number][0], (SITUATIONS[number], judgement.reasons)
        found = stock.get(printed(number, "stock").serial)
        if found is None:
            ended = not ENDS.isdisjoint(judgement.reasons)
            assert ended or own.startswith(("registry:", "only-uploaded")), where
        else:
            assert (found["standing"] == "in stock") is (judgement.verdict is Word.OK), where
            if found["standing"] == "on hold":
                said = {reason.value for reason in judgement.reasons}
                assert set(found["reasons"]) == said, where
    rows = http.get("/stock", params={"place": SITE}).json()["rows"]
    counted = Counter()
    for row in rows:
        counted[row["gtin"], row["lot"], row["standing"]] += row["items"]
    listed = Counter(
        (one["gtin"], one["lot"], one["standing"]) for one in stock_items(http, place=SITE)
    )
    assert counted == listed
    run = hand(environment_of)
    assert run("stock", "--place", SITE, "--json").json["rows"] == rows
    lines = [
        {"gtin": one.gtin, "packs": 1, "lot": one.lot}
        for one in (printed(number, "stock") for number in told)
    ]
    picks = pick_lists(http, lines)
    assert len(picks) == len(told)
    for (number, judgement), line in zip(told.items(), picks, strict=True):
        where = (SITUATIONS[number], judgement.reasons, line)
        good = {one["lot"] for one in rows if one["standing"] == "in stock"}
        assert (line["short"] == 0) is (printed(number, "stock").lot in good), where
        assert line["short"] == 1 or judgement.verdict is Word.OK, where


def test_a_dossier_by_command_says_the_same(home, environment_of, tmp_path):
    _, told = home
    number = next(n for n, one in enumerate(SITUATIONS) if one[0] == "damaged")
    one = printed(number, "dossier")
    run = hand(environment_of)
    made = run("export", "--pack", one.gtin, one.serial, "-o", tmp_path / "pack.asice")
    assert made.code == 0, made.err
    with ZipFile(tmp_path / "pack.asice") as archive:
        sections = orjson.loads(archive.read("report.json"))["sections"]
    (row,) = rows_of(next(one for one in sections if one["title"] == "Judgement of packs"))
    assert (row["verdict"], row["against it"]) == (told[number].verdict.value, "damaged")


def test_every_route_and_command_is_a_door_or_has_a_reason_not_to_be(http):
    paths = http.get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    # Pages too; an address that the gate reads by its beginning is in the description by its own.
    routes |= {f"{method} {path}" for method, path in POLICY if ":path}" not in path}
    commands = {f"packtrail {name}" for name in _commands(get_command(command_line()))}
    doors = known_doors()
    lost = sorted(one for one in routes | commands if one not in doors and not silent_because(one))
    assert lost == [], "add it to DOORS in tests/doors.py, or say in SILENT why it judges no pack"


def _commands(group, path=()):
    for name, command in getattr(group, "commands", {}).items():
        if getattr(command, "commands", None):
            yield from _commands(command, (*path, name))
        else:
            yield " ".join((*path, name))
