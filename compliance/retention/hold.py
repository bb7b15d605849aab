"""Legal holds: while one is open, nothing it covers is archived or destroyed.

Opening and releasing a hold each make an entry of the log; a hold is never deleted.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from compliance.duty_tables import case_file
from compliance.recall.recall_tables import recall
from compliance.retention.retention_tables import legal_hold
from epcis.database.many_writers import as_it_stands
from epcis.ledger.entry import LeafKind
from schemas.gs1.keys import Gln, Gtin
from schemas.refusal import Refused
from verification.registry.pack_tables import doubt

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

REASON_CHARS_MAX = 2000
LOT_CHARS_MAX = SERIAL_CHARS_MAX = 20
CASE_CHARS_MAX = 40
HOLDS_MAX = 1000
"""Most open holds at a time: every batch is compared with each."""


class HoldRefused(Refused):
    """The hold cannot be opened or released; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a hold covers: everything that meets all of the conditions given here.

    >>> Matter.parse(gtin="9521321000018", lot="L1").gtin
    '09521321000018'
    """

    gtin: str | None = None
    """GTIN-14."""
    lot: str | None = None
    serial: str | None = None
    case_id: str | None = None
    """A case, a recall or an investigation: the packs that it is about."""
    party: str | None = None
    """Canonical GLN key, `/414/{gln13}`: what this party may see or captured."""
    since: datetime | None = None
    """Only what happened from then on."""
    until: datetime | None = None
    """Only what happened before."""

    @classmethod
    def parse(
        cls,
        *,
        gtin: str | None = None,
        lot: str | None = None,
        serial: str | None = None,
        case_id: str | None = None,
        party: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Matter:
        """A matter from a person's input; `party` is a GLN. Raises HoldRefused."""
        try:
            code = str(Gtin.parse(gtin)) if gtin else None
            gln = f"/414/{Gln.parse(party.removeprefix('/414/')).number}" if party else None
        except ValueError as fault:
            raise HoldRefused(str(fault)) from None
        matter = cls(
            gtin=code,
            lot=lot or None,
            serial=serial or None,
            case_id=case_id or None,
            party=gln,
            since=since,
            until=until,
        )
        if matter == cls():
            raise HoldRefused("say what to hold: a GTIN, lot, serial, case, party or date range")
        if (matter.lot or matter.serial) and matter.gtin is None:
            raise HoldRefused("a lot or serial needs its GTIN")
        if since is not None and until is not None and since >= until:
            raise HoldRefused("the date range ends before it begins")
        for name, text, most in (
            ("lot", lot, LOT_CHARS_MAX),
            ("serial", serial, SERIAL_CHARS_MAX),
            ("case", case_id, CASE_CHARS_MAX),
        ):
            if text is not None and len(text) > most:
                raise HoldRefused(f"a {name} has at most {most} characters")
        return matter

    @property
    def is_about_packs(self) -> bool:
        """Whether it names packs, and so covers their events and those of their containers."""
        return self.gtin is not None or self.case_id is not None

    def as_dict(self) -> dict[str, str]:
        """The conditions given, ready for JSON."""
        fields_given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value if isinstance(value, str) else value.isoformat()
            for name, value in fields_given.items()
            if value is not None
        }


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold, open or released."""

    id: str
    reason: str
    matter: Matter
    opened: datetime
    opened_by: str
    released: datetime | None = None
    released_by: str | None = None
    released_why: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The hold as `hold --json` and `/holds` show it."""
        return {
            "id": self.id,
            "reason": self.reason,
            "matter": self.matter.as_dict(),
            "opened": self.opened.isoformat(),
            "openedBy": self.opened_by,
            "released": self.released.isoformat() if self.released else None,
            "releasedBy": self.released_by,
            "releasedWhy": self.released_why,
        }


def open_hold(store: Store, matter: Matter, *, reason: str, by: str, now: datetime) -> Hold:
    """Hold a matter from this moment on. Raises HoldRefused, StoreAway, StoreFull."""
    _need_reason(reason)
    with store.write(now) as tx:
        if matter.case_id is not None and not packs_of_case(tx, matter.case_id):
            raise HoldRefused(
                f"no case, recall or investigation {matter.case_id}: hold by GTIN and lot instead"
            )
        if len(open_holds(tx)) >= HOLDS_MAX:
            raise HoldRefused(f"{HOLDS_MAX} holds are open: release what is settled first")
        hold = Hold(f"H-{now:%Y%m%d}-{secrets.token_hex(4)}", reason.strip(), matter, tx.now, by)
        fields_given = {one.name: getattr(matter, one.name) for one in fields(matter)}
        tx.connection.execute(
            insert(legal_hold).values(
                id=hold.id, reason=hold.reason, opened=tx.now, opened_by=by, **fields_given
            )
        )
        _log(tx, "opened", hold.id, reason=hold.reason, by=by)
    return hold


def release_hold(store: Store, hold_id: str, *, why: str, by: str, now: datetime) -> Hold:
    """End a hold; its record stays. Raises HoldRefused, StoreAway, StoreFull."""
    _need_reason(why)
    with store.write(now) as tx:
        found = find_hold(tx, hold_id)
        if found is None:
            raise HoldRefused(f"no hold {hold_id}: packtrail retention hold list")
        if found.released is not None:
            raise HoldRefused(f"{hold_id} was released on {found.released:%Y-%m-%d}")
        tx.connection.execute(
            update(legal_hold)
            .where(legal_hold.c.id == hold_id)
            .values(released=tx.now, released_by=by, released_why=why.strip())
        )
        _log(tx, "released", hold_id, why=why.strip(), by=by)
        released = find_hold(tx, hold_id)
    assert released is not None, "a released hold keeps its record"
    return released


def lock_holds(tx: Transaction) -> None:
    """Lock out the opening of holds until this transaction, which destroys records, ends."""
    as_it_stands(tx, legal_hold)


def find_hold(snapshot: Snapshot, hold_id: str) -> Hold | None:
    """A hold by its id."""
    row = snapshot.connection.execute(select(legal_hold).where(legal_hold.c.id == hold_id)).first()
    return None if row is None else _hold(row)


def list_holds(snapshot: Snapshot) -> list[Hold]:
    """All holds, newest first."""
    statement = select(legal_hold).order_by(legal_hold.c.opened.desc(), legal_hold.c.id)
    return [_hold(row) for row in snapshot.connection.execute(statement)]


def open_holds(snapshot: Snapshot) -> list[Hold]:
    """The holds that are open, oldest first."""
    statement = (
        select(legal_hold)
        .where(legal_hold.c.released.is_(None))
        .order_by(legal_hold.c.opened, legal_hold.c.id)
    )
    return [_hold(row) for row in snapshot.connection.execute(statement)]


def packs_of_case(snapshot: Snapshot, case_id: str) -> set[tuple[str, str, str]]:
    """(GTIN-14, lot, serial) of the packs a case, recall or investigation is about; empty: any."""
    found: set[tuple[str, str, str]] = set()
    for table, key, names in (
        (case_file, case_file.c.id, ("gtin", "lot", "serial")),
        (doubt, doubt.c.case_id, ("gtin", "lot", "serial")),
        (recall, recall.c.id, ("gtin", "lot")),
    ):
        columns = [table.c[name] for name in names]
        for row in snapshot.connection.execute(select(*columns).where(key == case_id)):
            found.add((row[0], row[1], row[2] if len(row) > len(("gtin", "lot")) else ""))
    return {pack for pack in found if pack[0]}


def _hold(row: object) -> Hold:
    fields_given = {one.name: getattr(row, one.name) for one in fields(Matter)}
    names = [one.name for one in fields(Hold) if one.name != "matter"]
    return Hold(matter=Matter(**fields_given), **{name: getattr(row, name) for name in names})


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise HoldRefused("say why: an auditor will read it")
    if len(reason) > REASON_CHARS_MAX:
        raise HoldRefused(f"the reason has {len(reason)} characters, at most {REASON_CHARS_MAX}")


def _log(tx: Transaction, deed: str, hold_id: str, **fields_given: str) -> None:
    entry = {"act": f"hold-{deed}", "hold": hold_id, **fields_given}
    tx.log(LeafKind.SETTING, json.dumps(entry, sort_keys=True).encode())
