"""The inspection of a lot: it is locked at once, samples are inspected, a second person decides.

Opening draws packs by chance, so that nobody picks the good ones. Each result is the act `inspect`
on that pack. The lot is locked by its quarantine until it is released; a rejected lot stays locked.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from math import isqrt
from random import SystemRandom
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, insert, select, update

from compliance.quarantine.quarantine import find_quarantine, place_quarantine, release_quarantine
from compliance.quarantine.subject import LOT_CHARS_MAX, QuarantineSubject
from compliance.warehouse.warehouse_tables import inspection_sample, lot_inspection
from epcis.database.columns import microseconds, moment_of
from epcis.database.many_writers import one_at_a_time
from epcis.store.items import item
from schemas.gs1.keys import Gtin
from schemas.refusal import Refused
from verification.acts.kinds import ActKind
from verification.acts.once import record_client
from verification.acts.perform import perform_act
from verification.acts.request import ActRequest
from verification.acts.scans import place_key, scanned_thing
from verification.decision.many import is_pack
from verification.fmd.packs import WAREHOUSE
from verification.stock import PAGE_ITEMS_MAX, StockFilter, stock_items

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from epcis.store.items import StoredItem
    from verification.acts.perform import ActContext

SAMPLES_MAX = 1_000
PACKS_MAX = 200_000
"""Packs of a lot among which is drawn."""
WHY_CHARS_MAX = 1_000
NOTE_CHARS_MAX = 1_000
LISTED_MAX = 200


class InspectionRefused(Refused):
    """The inspection cannot be opened, filled or decided; the text says why and what to do."""


class InspectionState(StrEnum):
    """What became of an inspected lot."""

    OPEN = "open"
    RELEASED = "released"
    REJECTED = "rejected"


class SampleResult(StrEnum):
    """What came out of one sample."""

    PASSED = "passed"
    FAILED = "failed"


_RESULT = {SampleResult.PASSED: "conformant", SampleResult.FAILED: "non_conformant"}


class InspectionWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The JSON of `POST /inspections`."""

    gtin: str
    lot: str
    why: str
    place: str = ""
    """GLN of the site where its packs lie; default: the operator's own."""
    sample_size: int = 0
    """Packs to inspect; 0: the square root of the lot and one more."""
    failed_max: int = 0
    """Failed samples with which the lot may still be released."""


class LotSample(msgspec.Struct, frozen=True):
    """One pack of an inspection."""

    key: str
    is_drawn: bool
    place: str
    result: str
    note: str
    by: str
    event: str


class LotInspection(msgspec.Struct, frozen=True):
    """One inspection as it stands."""

    id: str
    gtin: str
    lot: str
    site: str
    quarantine: str
    lot_packs: int
    sample_size: int
    failed_max: int
    state: InspectionState
    opened_us: int
    by: str
    why: str
    ended_us: int | None
    ended_by: str
    ended_why: str
    passed: int
    failed: int

    @property
    def still_to_inspect(self) -> int:
        """Samples without which the lot may not be released."""
        return max(0, self.sample_size - self.passed - self.failed)

    def as_dict(self) -> dict[str, object]:
        """As the API and `--json` show it."""
        fields: dict[str, object] = msgspec.to_builtins(self)
        del fields["opened_us"], fields["ended_us"]
        at = moment_of(self.ended_us).isoformat() if self.ended_us else None
        opened = moment_of(self.opened_us).isoformat()
        return {**fields, "opened": opened, "ended": at, "still_to_inspect": self.still_to_inspect}


def sample_size_of(packs: int) -> int:
    """How many packs of a lot are inspected where nobody says it: the square root, and one more.

    >>> [sample_size_of(packs) for packs in (1, 2, 100, 1000)]
    [1, 2, 11, 33]
    """
    root = isqrt(packs)
    return min(packs, root + (root * root < packs) + 1)


def open_inspection(
    tx: Transaction, wanted: InspectionWanted, *, own_site: str, by: str
) -> LotInspection:
    """Lock a lot and draw its samples. Raises InspectionRefused and QuarantineRefused."""
    gtin, lot, site = _subject(wanted, own_site)
    if not 0 <= wanted.sample_size <= SAMPLES_MAX:
        raise InspectionRefused(f"sampleSize: at most {SAMPLES_MAX} packs of a lot are inspected")
    one_at_a_time(tx, WAREHOUSE)
    _need_no_other(tx, gtin, lot)
    packs = _packs_of(tx, gtin, lot, site)
    size = min(wanted.sample_size or sample_size_of(len(packs)), len(packs), SAMPLES_MAX)
    if not packs:
        raise InspectionRefused(f"no pack of lot {lot} of {gtin} is in stock at {site[5:]}")
    if not 0 <= wanted.failed_max < size:
        raise InspectionRefused("failedMax is less than the number of samples")
    why = _text("why", wanted.why)
    subject = QuarantineSubject.parse("lot", gtin=gtin, lot=lot)
    held = place_quarantine(tx, subject, reason=f"quality control: {why}", by=by)
    number = f"I-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    tx.connection.execute(
        insert(lot_inspection).values(
            id=number,
            gtin=gtin,
            lot=lot,
            site=site,
            quarantine=held.id,
            lot_packs=len(packs),
            sample_size=size,
            failed_max=wanted.failed_max,
            state=InspectionState.OPEN.value,
            opened_us=microseconds(tx.now),
            by=by,
            why=why,
            ended_us=None,
            ended_by="",
            ended_why="",
        )
    )
    drawn = SystemRandom().sample(sorted(packs), size)
    rows = [_sample(number, key, packs[key], is_drawn=True) for key in sorted(drawn)]
    tx.connection.execute(insert(inspection_sample), rows)
    return need_inspection(tx, number)


def note_result(
    tx: Transaction,
    number: str,
    scan: str,
    result: SampleResult,
    *,
    note: str,
    context: ActContext,
) -> LotInspection:
    """Note what came out of one pack, once. Raises InspectionRefused."""
    one_at_a_time(tx, WAREHOUSE)
    inspection = _need_open(tx, number)
    if len(note) > NOTE_CHARS_MAX:
        raise InspectionRefused(f"note: at most {NOTE_CHARS_MAX} characters")
    thing = scanned_thing(scan, tx.now.date(), context.recovered)
    known = item(tx, thing.key) if thing.key and is_pack(thing.key) else None
    _need_of_lot(inspection, thing.key, known)
    before = {one.key: one for one in samples_of(tx, number)}
    if thing.key in before and before[thing.key].result:
        raise InspectionRefused(f"{thing.key} was inspected already: {before[thing.key].result}")
    place = known.location if known is not None and known.location else inspection.site
    if thing.key not in before:
        row = _sample(number, thing.key, place, is_drawn=False)
        tx.connection.execute(insert(inspection_sample).values(**row))
    act = ActRequest(
        kind=ActKind.INSPECT,
        client_id=f"{number} {secrets.token_hex(6)}",
        scans=(thing.key,),
        place=place,
        reason=f"inspection {number}: {note.strip()}".rstrip(": "),
        result=_RESULT[result],
    )
    answer = perform_act(tx, act, context)
    if not answer.done:
        raise InspectionRefused(answer.packs[0].say)
    record_client(tx, act, answer, context.caller)
    tx.connection.execute(
        update(inspection_sample)
        .where(inspection_sample.c.inspection == number, inspection_sample.c.key == thing.key)
        .values(
            result=result.value,
            note=note.strip(),
            by=context.caller.name,
            at_us=microseconds(tx.now),
            event=answer.event,
        )
    )
    return need_inspection(tx, number)


def decide_inspection(
    tx: Transaction, number: str, state: InspectionState, *, why: str, by: str
) -> LotInspection:
    """Release a lot, or reject it, by somebody who neither opened nor inspected it.

    Raises InspectionRefused.
    """
    one_at_a_time(tx, WAREHOUSE)
    inspection = _need_open(tx, number)
    people = {inspection.by, *(one.by for one in samples_of(tx, number))}
    if by in people:
        raise InspectionRefused(
            f"{by} opened inspection {number} or inspected for it: a second person decides"
        )
    if state is InspectionState.RELEASED:
        if inspection.still_to_inspect:
            raise InspectionRefused(f"{inspection.still_to_inspect} samples are not inspected yet")
        if inspection.failed > inspection.failed_max:
            raise InspectionRefused(
                f"{inspection.failed} samples failed, {inspection.failed_max} may: reject the lot"
            )
    reason = _text("why", why)
    if state is InspectionState.RELEASED:
        why_free = f"{number}: {reason}"[:WHY_CHARS_MAX]
        for held in [inspection.quarantine, *_rejected_before(tx, inspection)]:
            release_quarantine(tx, held, why=why_free, by=by, inspection=number)
    tx.connection.execute(
        update(lot_inspection)
        .where(lot_inspection.c.id == number)
        .values(state=state.value, ended_us=microseconds(tx.now), ended_by=by, ended_why=reason)
    )
    return need_inspection(tx, number)


def need_inspection(snapshot: Snapshot, number: str) -> LotInspection:
    """An inspection by its number. Raises InspectionRefused where there is none."""
    wanted = select(lot_inspection).where(lot_inspection.c.id == number)
    row = snapshot.connection.execute(wanted).mappings().first()
    if row is None:
        raise InspectionRefused(f"there is no inspection {number[:40]}")
    return _of_row(snapshot, row)


def list_inspections(snapshot: Snapshot) -> list[LotInspection]:
    """Inspections, the newest first; at most `LISTED_MAX`."""
    newest = select(lot_inspection).order_by(
        lot_inspection.c.opened_us.desc(), lot_inspection.c.id.desc()
    )
    rows = snapshot.connection.execute(newest.limit(LISTED_MAX)).mappings().all()
    return [_of_row(snapshot, row) for row in rows]


def samples_of(snapshot: Snapshot, number: str) -> list[LotSample]:
    """The packs of an inspection, what is still to be inspected first."""
    table = inspection_sample.c
    wanted = select(inspection_sample).where(table.inspection == number)
    rows = snapshot.connection.execute(wanted.order_by(table.result, table.key)).mappings()
    return [LotSample(**{name: row[name] for name in LotSample.__struct_fields__}) for row in rows]


def _of_row(snapshot: Snapshot, row: RowMapping) -> LotInspection:
    table = inspection_sample.c
    counted = snapshot.connection.execute(
        select(table.result, func.count())
        .where(table.inspection == row["id"])
        .group_by(table.result)
    )
    results: dict[str, int] = {row[0]: row[1] for row in counted}
    values = {name: row[name] for name in LotInspection.__struct_fields__ if name in row}
    return LotInspection(
        **values | {"state": InspectionState(row["state"])},
        passed=results.get(SampleResult.PASSED.value, 0),
        failed=results.get(SampleResult.FAILED.value, 0),
    )


def _rejected_before(tx: Transaction, inspection: LotInspection) -> list[str]:
    """What still holds the lot for inspections that rejected it earlier."""
    table = lot_inspection.c
    of_lot = select(table.quarantine).where(
        table.gtin == inspection.gtin,
        table.lot == inspection.lot,
        table.state == InspectionState.REJECTED.value,
    )
    held = [find_quarantine(tx, number) for number in tx.connection.scalars(of_lot).all()]
    return [one.id for one in held if one is not None and one.released is None]


def _need_no_other(tx: Transaction, gtin: str, lot: str) -> None:
    table = lot_inspection.c
    of_lot = select(table.id).where(
        table.gtin == gtin, table.lot == lot, table.state == InspectionState.OPEN.value
    )
    other = tx.connection.scalar(of_lot)
    if other is not None:
        raise InspectionRefused(f"lot {lot} of {gtin} is under inspection already: {other}")


def _need_open(tx: Transaction, number: str) -> LotInspection:
    inspection = need_inspection(tx, number)
    if inspection.state is not InspectionState.OPEN:
        raise InspectionRefused(f"inspection {number} is over: its lot is {inspection.state.value}")
    return inspection


def _need_of_lot(inspection: LotInspection, key: str, known: StoredItem | None) -> None:
    if known is None:
        raise InspectionRefused(
            f"{key or 'this scan'} is no pack on record: scan a pack of the lot"
        )
    if (key[4:18], known.lot) != (inspection.gtin, inspection.lot):
        raise InspectionRefused(f"{key} is of lot {known.lot}, not of {inspection.lot}")


def _packs_of(snapshot: Transaction, gtin: str, lot: str, site: str) -> dict[str, str]:
    """The place of each pack of a lot at a site."""
    wanted = StockFilter(place=site, gtin=gtin, lot=lot)
    found: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        if len(found) > PACKS_MAX:
            raise InspectionRefused(
                f"lot {lot} of {gtin} has more than {PACKS_MAX} packs at {site[5:]}"
            )
        page = stock_items(snapshot, wanted, snapshot.now, after=after, most=PAGE_ITEMS_MAX)
        found |= {one.id: one.place for one in page.items if one.place}
        after = page.next
    return found


def _sample(number: str, key: str, place: str, *, is_drawn: bool) -> dict[str, object]:
    return {
        "inspection": number, "key": key, "is_drawn": is_drawn, "place": place, "result": "",
        "note": "", "by": "", "at_us": None, "event": "",
    }  # fmt: skip


def _subject(wanted: InspectionWanted, own_site: str) -> tuple[str, str, str]:
    try:
        gtin = str(Gtin.parse(wanted.gtin))
    except ValueError as fault:
        raise InspectionRefused(f"gtin: {fault}") from None
    if not 0 < len(wanted.lot) <= LOT_CHARS_MAX:
        raise InspectionRefused(f"lot: 1 to {LOT_CHARS_MAX} characters, as printed")
    try:
        site = place_key(wanted.place)[:18] if wanted.place.strip() else own_site
    except ValueError as fault:
        raise InspectionRefused(f"place: {fault}") from None
    if not site:
        raise InspectionRefused("say where the lot lies: give the GLN of the site as 'place'")
    return gtin, wanted.lot, site


def _text(name: str, text: str) -> str:
    if not 0 < len(text.strip()) <= WHY_CHARS_MAX:
        raise InspectionRefused(f"{name}: say why, in at most {WHY_CHARS_MAX} characters")
    return text.strip()
