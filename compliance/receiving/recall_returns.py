"""Take recalled packs back: count each serial number, and open cases about what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import select

from compliance.cases.cases import CaseKind, NewCase, State, open_case
from compliance.duty_tables import case_file
from compliance.reader.problems import KEYS_MAX, CaseCause, FoundProblem
from compliance.reader.reader import open_or_note
from compliance.recall.returned import ReturnOutcome, judge_returned, keep_returned
from compliance.recall.scope import RecallRefused
from compliance.reports.transactions import things_within
from verification.acts.scans import scanned_thing
from verification.decision.many import is_pack, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from compliance.recall.answers import RecallNotice
    from compliance.recall.returned import ReturnedPack
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

SUSPECTS_MAX: Final = 50
"""Packs of one list that may be suspect; more is a wrong list or a wrong scanner."""
_ENDED: Final = (State.CLEARED.value, State.TERMINATED.value, State.RESOLVED.value)
_SUSPECT: Final = {
    ReturnOutcome.UNKNOWN: "nobody has recorded its serial number",
    ReturnOutcome.TWICE: "another holder returned the same serial number",
}


class TakenBack(NamedTuple):
    """A list of packs that came back, judged and kept."""

    packs: tuple[ReturnedPack, ...]
    """By key."""
    unreadable: tuple[str, ...]
    """Scans that name no pack, and no case of which the contents are known."""

    def count(self, outcome: ReturnOutcome) -> int:
        """Packs of one outcome."""
        return sum(one.outcome is outcome for one in self.packs)

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/notices/{id}/returns` answers."""
        return {
            "outcomes": {one.value: self.count(one) for one in ReturnOutcome if self.count(one)},
            "packs": [one.as_dict() for one in self.packs],
            "unreadable": list(self.unreadable),
        }


def take_back(tx: Transaction, notice_id: str, scans: Sequence[str], *, by: str) -> TakenBack:
    """Keep what a holder returned, and open the cases about it. Raises RecallRefused.

    A case or pallet stands for the packs in it. A drill counts, and opens no case.
    """
    keys, unreadable = _packs_in(tx, scans, tx.now)
    about, notice, judged = judge_returned(tx, notice_id, keys)
    suspects = [one for one in judged if one.outcome in _SUSPECT]
    if len(suspects) > SUSPECTS_MAX:
        raise RecallRefused(
            f"{len(suspects)} of {len(judged)} serial numbers are not on record or came back from"
            " another holder too: check that the list belongs to this recall and holder"
        )
    keep_returned(tx, notice, judged, by=by)
    if not about.is_drill:
        _open_cases(tx, notice, judged, by=by)
    return TakenBack(tuple(judged), tuple(unreadable))


def _packs_in(
    snapshot: Snapshot, scans: Sequence[str], now: datetime
) -> tuple[list[str], list[str]]:
    """The packs of scans, and the scans that name none."""
    keys: list[str] = []
    unreadable: list[str] = []
    for scan in scans:
        key = scanned_thing(scan, now.date()).key
        inside = [key] if is_pack(key) else list(filter(is_pack, things_within(snapshot, key)))
        keys += inside
        if not inside:
            unreadable.append(scan)
    return keys, unreadable


def _open_cases(
    tx: Transaction, notice: RecallNotice, judged: Sequence[ReturnedPack], *, by: str
) -> None:
    whom = notice.name or notice.gln or "a holder that is not known"
    astray: dict[str, list[str]] = {}
    for one in judged:
        if one.outcome is ReturnOutcome.ELSEWHERE:
            astray.setdefault(one.key[4:18], []).append(one.key)
        elif one.outcome in _SUSPECT and not _is_suspect(tx, one.key):
            gtin, serial = name_of(one.key)
            what = f"{whom} returned it for recall {notice.recall}: {_SUSPECT[one.outcome]}"
            wanted = NewCase(
                CaseKind.SUSPECT, "counterfeit", gtin, what, serial=serial, partner=notice.gln
            )
            open_case(tx, wanted, by=by)
    for gtin, keys in astray.items():
        what = (
            f"{whom} returned {len(keys)} recalled packs of GTIN {gtin} that no event delivered"
            " there"
        )
        cause = CaseCause.RETURNED_ELSEWHERE
        problem = FoundProblem(cause, notice.gln, gtin, "", what, tuple(keys[:KEYS_MAX]))
        open_or_note(tx, problem, f"recall {notice.recall}")


def _is_suspect(snapshot: Snapshot, key: str) -> bool:
    """Whether a case about the pack is open already."""
    gtin, serial = name_of(key)
    columns = case_file.c
    wanted = select(columns.id).where(
        columns.kind == CaseKind.SUSPECT.value,
        columns.gtin == gtin,
        columns.serial == serial,
        columns.state.not_in(_ENDED),
    )
    return snapshot.connection.execute(wanted.limit(1)).first() is not None
