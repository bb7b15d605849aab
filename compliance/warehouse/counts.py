"""Counts of the stock: opened for a site, shelf or product, scanned by several people, and ended.

A count only writes down what was scanned, where, when and by whom. What that means is compared with
the stock at the time of asking (`variance`), and becomes events when the count is closed.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, insert, select, update

from compliance.warehouse.warehouse_tables import count_recount, count_scan, count_session
from epcis.database.columns import microseconds
from epcis.database.many_writers import one_at_a_time
from epcis.store.effect import party_key
from schemas.gs1.keys import Gtin
from schemas.refusal import Refused
from verification.acts.scans import place_key, scanned_thing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from schemas.gs1.reading import Reading

SCANS_AT_ONCE_MAX = 20_000
SCANS_OF_COUNT_MAX = 200_000
WHY_CHARS_MAX = 1_000
LISTED_MAX = 200
_AT_ONCE = 500


class CountRefused(Refused):
    """The count cannot be opened, scanned or ended; the text says why and what to do."""


class CountState(StrEnum):
    """How far a count is."""

    COUNTING = "counting"
    REVIEW = "review"
    """Scanning is over: whoever closes it sees what differs, or orders a recount."""
    CLOSED = "closed"
    CANCELLED = "cancelled"


class CountWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of `POST /counts`."""

    place: str = ""
    """GLN of a site, or of a place in it; `GLN.A` has all places whose name begins with A, as
    `GLN.A-12`. Empty: the operator's own site."""
    gtin: str = ""
    """Only this product."""
    blind: bool = False
    """Whoever scans is not shown what is expected."""
    opened: bool = False
    """Cases are opened, and packs scanned one by one; else a scanned case stands for all in it."""


class CountSession(msgspec.Struct, frozen=True):
    """One count as it stands."""

    id: str
    place: str
    """Canonical key."""
    gtin: str
    is_blind: bool
    is_opened: bool
    state: CountState
    opened_us: int
    by: str
    ended_us: int | None
    ended_by: str
    why: str
    expected: int
    as_recorded: int
    round: int
    """How many recounts were ordered."""
    scans: int
    """Of all rounds."""

    @property
    def site(self) -> str:
        """The site, without the place in it."""
        return party_key(self.place)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be done with it."""
        return self.state in (CountState.CLOSED, CountState.CANCELLED)

    @property
    def hides_records(self) -> bool:
        """Whether nobody is shown yet what is expected."""
        return self.is_blind and self.state is CountState.COUNTING

    def covers(self, location: str) -> bool:
        """Whether goods at a place are within this count."""
        return is_within(location, self.place)


class CountScan(msgspec.Struct, frozen=True):
    """Something that was scanned and counts."""

    key: str
    place: str
    by: str
    at_us: int


class ScanNoted(msgspec.Struct, frozen=True):
    """What became of one scan."""

    scan: str
    key: str
    """Canonical; empty where the scan names nothing."""
    is_new: bool
    say: str


def is_within(location: str, place: str) -> bool:
    """Whether a place is the other one or in it; shelves are named from the aisle on.

    >>> is_within("/414/9521321000018/254/A-12", "/414/9521321000018/254/A")
    True
    >>> is_within("/414/9521321000018/254/AB", "/414/9521321000018/254/A")
    False
    """
    if location == place or (place == party_key(place) and location.startswith(place + "/")):
        return True
    return location.startswith(place) and location[len(place)] in "-._%"


def open_count(tx: Transaction, wanted: CountWanted, *, own_site: str, by: str) -> CountSession:
    """Open a count. Raises CountRefused, saying what is wrong with it."""
    number = f"K-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    place = read_place(wanted.place) if wanted.place.strip() else own_site
    if not place:
        raise CountRefused("say where is counted: give the GLN of the site as 'place'")
    tx.connection.execute(
        insert(count_session).values(
            id=number,
            place=place,
            gtin=_gtin(wanted.gtin),
            is_blind=wanted.blind,
            is_opened=wanted.opened,
            state=CountState.COUNTING.value,
            opened_us=microseconds(tx.now),
            by=by,
            ended_us=None,
            ended_by="",
            why="",
            expected=0,
            as_recorded=0,
        )
    )
    return need_count(tx, number)


def scan_into(
    tx: Transaction,
    number: str,
    scans: Sequence[str],
    *,
    place: str = "",
    by: str,
    recovered: Callable[[str], Reading | None] | None = None,
) -> list[ScanNoted]:
    """Note what somebody scanned; what was noted in this round before is not noted again.

    Raises CountRefused where the count does not take scans any more, or not at this place.
    """
    one_at_a_time(tx, f"count {number}")
    session = need_count(tx, number)
    if session.state is not CountState.COUNTING:
        raise CountRefused(f"count {number} is in {session.state.value}: order a recount first")
    where = read_place(place) if place.strip() else session.place
    if not session.covers(where):
        raise CountRefused(f"place: {where} is not within {session.place}, which is counted here")
    if len(scans) > SCANS_AT_ONCE_MAX or session.scans + len(scans) > SCANS_OF_COUNT_MAX:
        raise CountRefused(
            f"{SCANS_AT_ONCE_MAX} scans at once and {SCANS_OF_COUNT_MAX} in a count at most: count"
            " by aisle or product"
        )
    read = [scanned_thing(one, tx.now.date(), recovered) for one in scans]
    before = _scanned_in_round(tx, session, [one.key for one in read if one.key])
    noted: list[ScanNoted] = []
    new: dict[str, None] = {}
    for one in read:
        if one.refusal is not None:
            say = f"This scan cannot be read ({one.what}): scan it again."
            noted.append(ScanNoted(one.scan, "", is_new=False, say=say))
        elif one.key in before or one.key in new:
            by_whom = before.get(one.key, by)
            say = f"Scanned before, by {by_whom}: it counts once."
            noted.append(ScanNoted(one.scan, one.key, is_new=False, say=say))
        else:
            new[one.key] = None
            noted.append(ScanNoted(one.scan, one.key, is_new=True, say="Counted."))
    if new:
        shared = {
            "session": number,
            "round": session.round,
            "place": where,
            "by": by,
            "at_us": microseconds(tx.now),
            "batch": secrets.token_hex(12),
        }
        tx.connection.execute(insert(count_scan), [{"key": key, **shared} for key in new])
    return noted


def recount(tx: Transaction, number: str, *, place: str = "", why: str, by: str) -> CountSession:
    """Count again, all of it or one place: what was scanned there so far no longer counts.

    Raises CountRefused.
    """
    one_at_a_time(tx, f"count {number}")
    session = _need_open(tx, number)
    where = read_place(place) if place.strip() else session.place
    if not session.covers(where):
        raise CountRefused(f"place: {where} is not within {session.place}, which is counted here")
    tx.connection.execute(
        insert(count_recount).values(
            session=number,
            round=session.round + 1,
            place=where,
            by=by,
            at_us=microseconds(tx.now),
            why=_why(why, "why it is counted again"),
        )
    )
    _set_state(tx, number, CountState.COUNTING)
    return need_count(tx, number)


def finish_scanning(tx: Transaction, number: str) -> CountSession:
    """Say that everything was scanned: from now on what differs is shown. Raises CountRefused."""
    one_at_a_time(tx, f"count {number}")
    session = _need_open(tx, number)
    if session.state is not CountState.COUNTING:
        raise CountRefused(f"count {number} is in {session.state.value} already")
    _set_state(tx, number, CountState.REVIEW)
    return need_count(tx, number)


def cancel_count(tx: Transaction, number: str, *, why: str, by: str) -> CountSession:
    """End a count without any event. Raises CountRefused."""
    one_at_a_time(tx, f"count {number}")
    _need_open(tx, number)
    why = _why(why, "why it is cancelled")
    end_count(tx, number, CountState.CANCELLED, why=why, by=by)
    return need_count(tx, number)


def end_count(
    tx: Transaction,
    number: str,
    state: CountState,
    *,
    why: str,
    by: str,
    expected: int = 0,
    as_recorded: int = 0,
) -> None:
    """Write down how a count ended."""
    tx.connection.execute(
        update(count_session)
        .where(count_session.c.id == number)
        .values(
            state=state.value,
            ended_us=microseconds(tx.now),
            ended_by=by,
            why=why,
            expected=expected,
            as_recorded=as_recorded,
        )
    )


def need_count(snapshot: Snapshot, number: str) -> CountSession:
    """A count by its number. Raises CountRefused where there is none."""
    rows = snapshot.connection.execute(select(count_session).where(count_session.c.id == number))
    row = rows.mappings().first()
    if row is None:
        raise CountRefused(f"there is no count {number[:40]}")
    return _session(snapshot, row)


def list_counts(snapshot: Snapshot) -> list[CountSession]:
    """Counts, the newest first; at most `LISTED_MAX`."""
    newest = select(count_session).order_by(
        count_session.c.opened_us.desc(), count_session.c.id.desc()
    )
    rows = snapshot.connection.execute(newest.limit(LISTED_MAX)).mappings().all()
    return [_session(snapshot, row) for row in rows]


def scans_that_count(snapshot: Snapshot, session: CountSession) -> dict[str, CountScan]:
    """What was scanned and is not counted again since, the last scan of each thing, by key."""
    table = count_recount.c
    voided = {
        row.round: row.place
        for row in snapshot.connection.execute(
            select(table.round, table.place).where(table.session == session.id)
        )
    }
    rows = snapshot.connection.execute(
        select(count_scan).where(count_scan.c.session == session.id).order_by(count_scan.c.round)
    )
    found: dict[str, CountScan] = {}
    for row in rows:
        again = (place for number, place in voided.items() if number > row.round)
        if not any(is_within(row.place, place) for place in again):
            found[row.key] = CountScan(row.key, row.place, row.by, row.at_us)
    return found


def read_place(text: str) -> str:
    """The key of a place that somebody typed or scanned. Raises CountRefused."""
    try:
        return place_key(text)
    except ValueError as fault:
        raise CountRefused(f"place: {fault}") from None


def need_why(why: str) -> str:
    """The reason for which a count is closed. Raises CountRefused where it is missing."""
    return _why(why, "why the stock is adjusted")


def _session(snapshot: Snapshot, row: RowMapping) -> CountSession:
    of_session = count_scan.c.session == row["id"]
    scans = snapshot.connection.scalar(select(func.count()).where(of_session)) or 0
    rounds = select(func.count()).where(count_recount.c.session == row["id"])
    values = {name: row[name] for name in CountSession.__struct_fields__ if name in row}
    return CountSession(
        **values | {"state": CountState(row["state"])},
        round=snapshot.connection.scalar(rounds) or 0,
        scans=scans,
    )


def _need_open(tx: Transaction, number: str) -> CountSession:
    session = need_count(tx, number)
    if session.is_over:
        raise CountRefused(f"count {number} is {session.state.value}: open a new one")
    return session


def _set_state(tx: Transaction, number: str, state: CountState) -> None:
    tx.connection.execute(
        update(count_session).where(count_session.c.id == number).values(state=state.value)
    )


def _scanned_in_round(
    snapshot: Snapshot, session: CountSession, keys: Sequence[str]
) -> dict[str, str]:
    """Who scanned these things before in this round."""
    found: dict[str, str] = {}
    table = count_scan.c
    for start in range(0, len(keys), _AT_ONCE):
        rows = snapshot.connection.execute(
            select(table.key, table.by).where(
                table.session == session.id,
                table.round == session.round,
                table.key.in_(keys[start : start + _AT_ONCE]),
            )
        )
        found |= {row.key: row.by for row in rows}
    return found


def _gtin(text: str) -> str:
    try:
        return str(Gtin.parse(text)) if text.strip() else ""
    except ValueError as fault:
        raise CountRefused(f"gtin: {fault}") from None


def _why(text: str, what: str) -> str:
    if not 0 < len(text.strip()) <= WHY_CHARS_MAX:
        raise CountRefused(f"say {what}, in at most {WHY_CHARS_MAX} characters")
    return text.strip()
