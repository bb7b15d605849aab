"""`packtrail fsck`: check that all stored data is consistent and agrees with the log.

`epcis.fsck` checks events, items and log, and `verification.fmd.check_packs` checks the packs. The
newest signed checkpoint comes from the folder of the keys, where a change of the database does not
reach it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import compliance.dossier.dossier_tables
import compliance.duty_tables  # noqa: F401  # so that the registers of this floor are known too
from compliance.seal.checkpoint import held_checkpoints
from epcis.fsck import checked_part, forgiving_store
from epcis.fsck import fsck as check_memory
from epcis.ledger.place import to_nobody
from verification.fmd.check_packs import check_packs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from epcis.ledger.store import Store
    from schemas.finding import Finding


def fsck(
    store: Store,
    *,
    now: datetime,
    keys_folder: Path | None = None,
    rebuild: bool = False,
    progress: Callable[[str, int], None] | None = None,
) -> Iterator[Finding]:
    """A finding for every disagreement; none where all is consistent.

    `progress` is called with what is being checked and the count so far. Raises StoreAway,
    StoreFull, and SealRefused where the checkpoint held in `keys_folder` is damaged.
    """
    held = held_checkpoints(store, keys_folder) if keys_folder is not None else []
    yield from check_memory(store, now=now, rebuild=rebuild, held=held, progress=progress)
    with forgiving_store(store) as read:
        yield from checked_part("packs", partial(check_packs, read, progress or to_nobody))
