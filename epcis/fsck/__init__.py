"""Whether what the store keeps agrees with itself and with the log, table by table.

Every table says how it is proved (`epcis.ledger.proved`); docs/reference/proof.md lists it.
Streams: memory does not grow with the store.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from zstandard import ZstdError

from epcis.archive.check import check_archive
from epcis.database.connections import driver_faults
from epcis.database.reading import forgiving
from epcis.fsck.documents import check_documents
from epcis.fsck.events import check_events
from epcis.fsck.forms import check_forms
from epcis.fsck.item_keys import check_item_keys
from epcis.fsck.log import audit_log
from epcis.fsck.master_data import check_master_data
from epcis.fsck.registers import check_registers
from epcis.fsck.state import check_state
from epcis.fsck.stock_groups import check_stock_groups
from epcis.fsck.subjects import check_subjects
from epcis.ledger.place import to_nobody
from epcis.ledger.store import Store
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from epcis.ledger.signed import Signed

__all__ = ["check_state", "fsck"]


def fsck(
    store: Store,
    *,
    now: datetime,
    rebuild: bool = False,
    held: Sequence[Signed] = (),
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """Everything that disagrees, as findings; nothing where the store is sound.

    `held` are checkpoints kept elsewhere, `progress` gets what is being checked and how many
    were. Raises StoreAway, StoreFull.
    """
    tell = progress or to_nobody
    anew = store if rebuild else None
    with forgiving_store(store) as read:
        for what, check in {
            "the form of the rows": partial(check_forms, read, tell),
            "the log": partial(audit_log, read, held=held, progress=tell),
            "the log's index": partial(check_subjects, read),
            "documents": partial(check_documents, read, tell),
            "master data": partial(check_master_data, read, tell),
            "registers": partial(check_registers, read, tell),
            "events": partial(check_events, read, tell),
            "the archive": partial(check_archive, read, tell),
            "the keys of items": partial(check_item_keys, read, now=now, rebuild_in=anew),
            "item state": partial(check_state, read, now=now, rebuild_in=anew, progress=tell),
            "the view of stock": partial(check_stock_groups, read, now=now, rebuild_in=anew),
        }.items():
            yield from checked_part(what, check)


@contextmanager
def forgiving_store(store: Store) -> Iterator[Store]:
    """The same database; text that is no UTF-8 is read, so that a finding can say where."""
    same = Store.open(store.engine.url.render_as_string(hide_password=False))
    try:
        with forgiving(same.engine):
            yield same
    finally:
        same.close()


def checked_part(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; damage that no check foresaw is one finding more."""
    kinds = (ValueError, TypeError, LookupError, OverflowError, ZstdError)
    try:
        yield from check()
    except kinds + driver_faults() as fault:
        yield Finding(
            "store.unreadable",
            Severity.CRITICAL,
            f"the check of {what} met something it cannot read: {fault}",
            "The findings before name the place; restore it from a backup and check again.",
        )
