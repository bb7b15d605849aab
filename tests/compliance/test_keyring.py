"""A key that is remembered ends when it is revoked or expires, not a request later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import compliance.tables  # noqa: F401  # declares the table of keys
from compliance.service.access import Grant, new_key, revoke_key
from compliance.service.keyring import KeyRing
from epcis.store.database import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_key_ends_at_once(tmp_path):
    store = Store.open(str(tmp_path / "keys.db"))
    store.create_all()
    now = [NOW]
    ring = KeyRing(store, lambda: now[0])
    grant = Grant("till", frozenset({"verify"}), None)
    with store.write(NOW) as act:
        key = new_key(act, grant, now=NOW)
        short = new_key(act, grant, now=NOW, expires=NOW + timedelta(hours=1))
    assert ring.grant(key) == ring.grant(key) == grant
    assert ring.grant(short) == grant
    assert ring.grant(key + "x") is None
    assert ring.grant("pt_none_x") is None
    with store.write(NOW) as act:
        revoke_key(act, key.split("_")[1], now=NOW)
    assert ring.grant(key) is None
    now[0] += timedelta(hours=1)
    assert ring.grant(short) is None
    store.close()
