"""The signing keys as the settings say: in a folder of this machine, or shared in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.seal.operator_keys import open_keys
from compliance.seal.sealed_keys import SealedKeys
from compliance.service.migrate import open_migrated
from epcis.http_context import utc_now

if TYPE_CHECKING:
    from compliance.seal.keys import Keys
    from compliance.service.settings import Settings
    from epcis.ledger.store import Store


def keys_of(settings: Settings, store: Store | None = None) -> Keys:
    """The keys of this installation; `store` is its database, opened anew where it is not given.

    With a `key_secret` they are in the database. The first server that is started with one takes
    the keys of its folder over, so that what they signed stays valid. Raises SealRefused.
    """
    if not settings.key_secret:
        return open_keys(settings)
    shared = SealedKeys.open(store or open_migrated(settings), settings.key_secret, utc_now)
    shared.take_over(settings.keys_folder)
    return open_keys(settings, shared)
