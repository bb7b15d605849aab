"""What the history of an item shows that no single event says, as findings about its events.

A cold path: the events of the item are read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.database.columns import moment_of, pack_key, unpack_key
from epcis.database.item_keys import ID_OF_KEY
from epcis.database.raw_driver import RawDriver
from epcis.store.lots_recorded import lots_recorded
from epcis.store.moments import time_of_moment
from epcis.store.recompute import Replay
from epcis.store.stays import stays_in
from schemas.dispositions import Condition
from schemas.finding import Finding, Severity, Where
from schemas.wording import brief

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot
    from epcis.store.fold import ItemHistory

CONTENTS_MAX: Final = 1000
"""Items in a container whose events are read to tell whether it ended full."""
_ID: Final = f"SELECT {ID_OF_KEY}"
_KEYS: Final = "SELECT id, key FROM item WHERE id"
_CONFLICTS: Final = frozenset({Condition.LOT_CONFLICT.value, Condition.EXPIRY_CONFLICT.value})


def odd_history(snapshot: Snapshot, key: str) -> list[Finding]:
    """Unrecorded unpacking, ends with contents, sightings after the end, conflicts of lots.

    Raises EventDamaged where an event of the item cannot be read.
    """
    driver = RawDriver(snapshot)
    row = driver.one(_ID, (pack_key(key),))
    if row is None or row[0] is None:
        return []
    item_id: int = row[0]
    contents = {stay.child for stay in stays_in(driver, [item_id])}
    histories = Replay(driver).histories_of([item_id, *sorted(contents)[:CONTENTS_MAX]])
    history = histories[item_id]
    return [
        *_movements(driver, key, history),
        *_marks(key, history),
        *_conflicts(snapshot, key, history),
    ]


def _movements(driver: RawDriver, key: str, history: ItemHistory) -> Iterator[Finding]:
    ended = {stay.until: int(stay.parent) for stay in history.stays}
    named = sorted({ended[moment] for moment in history.seen_alone if moment in ended})
    keys = {number: unpack_key(bytes(packed)) for number, packed in driver.all_in(_KEYS, named)}
    for moment in history.seen_alone:
        container = keys.get(ended.get(moment, 0), "its container")
        yield _finding(
            "item.left-unrecorded",
            f"{_time(moment)}: an event names {key} without {container}, which it was in",
            "It counts as taken out since then; ask for the unpacking event that is missing.",
            key,
        )
    for moment in history.ended_full:
        yield _finding(
            "item.ended-full",
            f"{_time(moment)}: {key} was decommissioned, and its contents were not unpacked",
            "Its contents are judged by their own events; ask for the unpacking event.",
            key,
        )


def _marks(key: str, history: ItemHistory) -> Iterator[Finding]:
    if Condition.SEEN_AFTER_END.value in history.state.conditions:
        yield _finding(
            "item.seen-after-end",
            f"{key} is {history.state.status.value}, and an event names it after that",
            "Keep it apart and find out which of the events is wrong.",
            key,
        )


def _conflicts(snapshot: Snapshot, key: str, history: ItemHistory) -> Iterator[Finding]:
    if not _CONFLICTS & set(history.state.conditions):
        return
    described = "; ".join(
        f"lot {one.lot or 'unknown'}, expiry {one.expiry or 'unknown'} (event {one.event})"
        for one in lots_recorded(snapshot, key)
    )
    yield _finding(
        "item.lot-conflict",
        f"events tell different lots or expiry dates for {key}: {described}",
        "Keep it apart and ask the manufacturer which is right.",
        key,
    )


def _finding(code: str, what: str, hint: str, key: str) -> Finding:
    return Finding(code, Severity.WARNING, brief(what), hint, Where(path=key))


def _time(moment: int) -> str:
    return moment_of(time_of_moment(moment)).isoformat().replace("+00:00", "Z")
