"""Expiry extensions: a later day that a manufacturer has given a lot already in trade.

In a shortage the regulator lets a lot be used past the date printed on it. The packs keep their
print, so a verification that names the old day is right, and so is one of a relabelled pack that
names the new one (GS1 lightweight messaging 1.3: `ExpirationExtended`).
"""

from __future__ import annotations

from datetime import date  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, select

from epcis.database.columns import microseconds
from verification.decision.restrictions import changed
from verification.registry.pack_tables import batch, expiry_extension
from verification.vrs.question import MalformedError, gtin_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

EXTENSIONS_MAX = 100_000
"""Extensions in one import, and held in memory by every process."""


class Extension(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last day of one lot from now on, and what says so."""

    gtin: str
    lot: str
    expiry: date
    reference: str
    """The letter or notice that grants it, as the regulator numbers it."""

    def faults(self) -> Iterator[str]:
        """What is wrong with it, one sentence each."""
        try:
            gtin_of(self.gtin)
        except MalformedError as error:
            yield f"{self.gtin[:20]}: {error}"
        if not 0 < len(self.lot) <= 20:
            yield f"{self.gtin[:20]}: a lot has 1 to 20 characters"
        if not 0 < len(self.reference) <= 200:
            yield f"{self.gtin[:20]} {self.lot[:20]}: name the notice that grants the extension"


class ExtensionRefusedError(ValueError):
    """Extensions cannot be taken over; the text says why, and nothing was changed."""


def extensions_of(content: bytes) -> list[Extension]:
    """Extensions of a JSON list; raises `ExtensionRefusedError` naming what is wrong."""
    try:
        extensions = msgspec.json.decode(content, type=list[Extension])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ExtensionRefusedError(str(error)) from None
    faults = [fault for one in extensions for fault in one.faults()]
    if len(extensions) > EXTENSIONS_MAX:
        faults.append(f"{EXTENSIONS_MAX} extensions at most")
    if faults:
        raise ExtensionRefusedError("; ".join(faults[:20]))
    return extensions


def extend(tx: Transaction, extensions: Sequence[Extension], *, by: str) -> int:
    """Put down, or change, the last days of lots; returns how many.

    Raises `ExtensionRefusedError` where a day is before the one uploaded: that would be a recall.
    """
    for one in extensions:
        _refuse_earlier(tx, one)
        _take_back(tx, one.gtin, one.lot)
        tx.connection.execute(
            insert(expiry_extension).values(
                gtin=one.gtin,
                lot=one.lot,
                expiry=one.expiry.isoformat(),
                reference=one.reference,
                since_us=microseconds(tx.now),
                by=by,
            )
        )
    changed(tx)
    return len(extensions)


def take_back(tx: Transaction, gtin: str, lot: str) -> bool:
    """End an extension that was put down in error; whether there was one."""
    gone = _take_back(tx, gtin, lot)
    changed(tx)
    return gone


def extensions(snapshot: Snapshot) -> list[Extension]:
    """All of them, by product and lot."""
    table = expiry_extension.c
    rows = snapshot.connection.execute(select(expiry_extension).order_by(table.gtin, table.lot))
    return [
        Extension(row.gtin, row.lot, date.fromisoformat(row.expiry), row.reference) for row in rows
    ]


def _take_back(tx: Transaction, gtin: str, lot: str) -> bool:
    table = expiry_extension.c
    where = (table.gtin == gtin, table.lot == lot)
    return tx.connection.execute(delete(expiry_extension).where(*where)).rowcount > 0


def _refuse_earlier(tx: Transaction, one: Extension) -> None:
    uploaded = tx.connection.execute(
        select(batch.c.expiry).where(batch.c.code == one.gtin, batch.c.lot == one.lot)
    ).scalar()
    if uploaded is not None and uploaded > one.expiry.isoformat():
        raise ExtensionRefusedError(
            f"{one.gtin} {one.lot}: {one.expiry} is before its expiry {uploaded}; to stop a lot,"
            " recall it"
        )
