"""Close a count: what differs becomes events, through the same acts as everywhere.

What is missing is recorded as lost, or as stolen where somebody says so; what was found again or on
another shelf as found there. What no act may adjust, such as a pack that no event knows, is written
down and left to people. The registry of packs is never asked or changed.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import insert

from compliance.warehouse.counts import (
    CountRefused,
    CountSession,
    CountState,
    end_count,
    need_count,
    need_why,
)
from compliance.warehouse.last_seen import last_seen
from compliance.warehouse.variance import CountFinding, Variance, variance
from compliance.warehouse.warehouse_tables import count_result
from epcis.database.columns import moment_of
from epcis.database.many_writers import one_at_a_time
from epcis.store.items import items
from verification.acts.kinds import ActKind
from verification.acts.once import record_client
from verification.acts.perform import perform_act
from verification.acts.request import SCANS_MAX, ActRefusal, ActRequest
from verification.acts.scans import scanned_thing
from verification.fmd.packs import WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.acts.perform import ActContext

RESULTS_SHOWN_MAX = 20_000


class CountClosing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of `POST /counts/{number}/close`."""

    why: str
    stolen: list[str] = []
    """Scans or keys of missing things that were stolen."""


class CountResult(msgspec.Struct, frozen=True):
    """One thing that differed when a count was closed."""

    key: str
    finding: str
    gtin: str
    lot: str
    counted_at: str
    recorded_at: str
    event: str
    """Of the adjustment; empty where nothing could be adjusted."""
    seen_us: int | None
    seen_at: str
    seen_by: str

    def as_dict(self) -> dict[str, object]:
        """As the API and `--json` show it."""
        seen = {"place": self.seen_at, "by": self.seen_by}
        if self.seen_us is not None:
            seen["at"] = moment_of(self.seen_us).isoformat()
        return {
            "id": self.key,
            "finding": self.finding,
            "lot": self.lot,
            "recordedAt": self.recorded_at,
            "countedAt": self.counted_at,
            "event": self.event or None,
            "lastSeen": seen if self.seen_us is not None else None,
        }


def close_count(
    tx: Transaction, number: str, wanted: CountClosing, context: ActContext
) -> CountSession:
    """Close a count and adjust the stock, all of it in this transaction.

    Raises CountRefused where it may not be closed now, and `Problem` 403 for who may not adjust.
    """
    one_at_a_time(tx, WAREHOUSE)
    one_at_a_time(tx, f"count {number}")
    session = need_count(tx, number)
    if session.is_over:
        raise CountRefused(f"count {number} is {session.state.value} already")
    if session.hides_records:
        raise CountRefused(
            f"count {number} is blind: finish its scanning, and look at what differs"
        )
    why = need_why(wanted.why)
    found = variance(tx, session, tx.now)
    stolen = _stolen(tx, wanted.stolen, found)
    seen = last_seen(tx, [one.key for one in found.of(CountFinding.MISSING)])
    events = _Adjustments(tx, session, why, context).made(found, stolen)
    by = context.caller.name
    rows = [
        {
            "session": number,
            "key": one.key,
            "finding": "stolen" if one.key in stolen else one.finding.value,
            "gtin": one.gtin,
            "lot": one.lot,
            "counted_at": one.counted_at,
            "recorded_at": one.recorded_at,
            "event": events.get(one.key, ""),
            "seen_us": seen[one.key].at_us if one.key in seen else None,
            "seen_at": seen[one.key].place if one.key in seen else "",
            "seen_by": seen[one.key].by if one.key in seen else "",
        }
        for one in found.differs
    ]
    if rows:
        tx.connection.execute(insert(count_result), rows)
    end_count(
        tx,
        number,
        CountState.CLOSED,
        why=why,
        by=by,
        expected=found.expected,
        as_recorded=found.as_recorded,
    )
    return need_count(tx, number)


def results_of(snapshot: Snapshot, number: str) -> list[CountResult]:
    """What differed when a count was closed, at most `RESULTS_SHOWN_MAX`."""
    rows = snapshot.connection.execute(
        count_result.select()
        .where(count_result.c.session == number)
        .order_by(count_result.c.finding, count_result.c.key)
        .limit(RESULTS_SHOWN_MAX)
    ).mappings()
    return [
        CountResult(**{name: row[name] for name in CountResult.__struct_fields__}) for row in rows
    ]


def _stolen(tx: Transaction, scans: Sequence[str], found: Variance) -> frozenset[str]:
    keys = frozenset(scanned_thing(one, tx.now.date()).key for one in scans)
    missing = {one.key for one in found.of(CountFinding.MISSING)}
    if not keys <= missing:
        other = next(iter(sorted(keys - missing)))
        raise CountRefused(f"stolen: {other or 'a scan'} is not missing by this count")
    return keys


class _Adjusting(NamedTuple):
    """One act that adjusts the stock."""

    result: str
    """As `kinds.RESULTS` has it."""
    place: str
    keys: tuple[str, ...]


class _Adjustments:
    """The acts that close one count."""

    def __init__(
        self, tx: Transaction, session: CountSession, why: str, context: ActContext
    ) -> None:
        self.tx, self.session, self.context = tx, session, context
        self.why = f"count {session.id}: {why}"

    def made(self, found: Variance, stolen: frozenset[str]) -> dict[str, str]:
        """Do all acts; the id of the event that adjusted each thing."""
        events: dict[str, str] = {}
        for act in self._wanted(found, stolen):
            for start in range(0, len(act.keys), SCANS_MAX):
                events |= self._done(act, act.keys[start : start + SCANS_MAX])
        return events

    def _wanted(self, found: Variance, stolen: frozenset[str]) -> Iterable[_Adjusting]:
        missing = [one.key for one in found.of(CountFinding.MISSING)]
        lost = tuple(key for key in missing if key not in stolen)
        yield _Adjusting("missing", self.session.place, lost)
        yield _Adjusting("stolen", self.session.place, tuple(sorted(stolen)))
        # What was lost is undone by a word that says so: what only lies elsewhere is kept apart.
        for finding in (CountFinding.FOUND_AGAIN, CountFinding.OTHER_SHELF):
            by_place: dict[str, list[str]] = defaultdict(list)
            for one in found.of(finding):
                by_place[one.counted_at].append(one.key)
            for place, keys in sorted(by_place.items()):
                if finding is CountFinding.OTHER_SHELF:
                    self._take_out(keys)
                yield _Adjusting("found", place, tuple(keys))

    def _take_out(self, keys: Sequence[str]) -> None:
        """Take things that were found alone out of the cases they are in by the records."""
        inside: dict[str, list[str]] = defaultdict(list)
        for key, item in items(self.tx, keys).items():
            if item.parent is not None:
                inside[item.parent].append(key)
        for case, some in sorted(inside.items()):
            self._act(ActKind.UNPACK, tuple(some), self.session.site, parent=case)

    def _done(self, act: _Adjusting, keys: tuple[str, ...]) -> dict[str, str]:
        """One act, without the things that the judgement refuses: those are left to people."""
        if not keys:
            return {}
        left = self._act(ActKind.COUNT_ADJUST, keys, act.place, result=act.result)
        if left.event is None and left.others:
            left = self._act(ActKind.COUNT_ADJUST, left.others, act.place, result=act.result)
            keys = left.keys
        return dict.fromkeys(keys, left.event) if left.event is not None else {}

    def _act(
        self,
        kind: ActKind,
        keys: tuple[str, ...],
        place: str,
        *,
        parent: str = "",
        result: str = "",
    ) -> _Adjusted:
        act = ActRequest(
            kind=kind,
            client_id=f"{self.session.id} {secrets.token_hex(6)}",
            scans=keys,
            parent=parent,
            place=place,
            reason=self.why,
            result=result,
        )
        answer = perform_act(self.tx, act, self.context)
        if answer.done:
            record_client(self.tx, act, answer, self.context.caller)
        others = tuple(
            one.id for one in answer.packs if one.reason == ActRefusal.OTHERS_REFUSED.value
        )
        return _Adjusted(answer.event, keys, others)


class _Adjusted(NamedTuple):
    """What became of one act."""

    event: str | None
    keys: tuple[str, ...]
    others: tuple[str, ...]
    """Things that nothing speaks against, where others were refused."""
