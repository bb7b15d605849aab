"""A key that is remembered ends as soon as it expires, and a moment after it is revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import compliance.duty_tables  # noqa: F401  # declares the table of keys
from compliance.service.access import Grant, new_key, revoke_key
from compliance.service.keyring import UNSEEN_IN_A_FILE_S_MAX, UNSEEN_ON_A_SERVER_S_MAX, KeyRing

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_key_ends(store):
    now, seconds = [NOW], [0.0]
    unseen_s = UNSEEN_IN_A_FILE_S_MAX if store.file else UNSEEN_ON_A_SERVER_S_MAX
    assert unseen_s <= 1
    ring = KeyRing(store, lambda: now[0], lambda: seconds[0])
    grant = Grant("till", frozenset({"verify"}), None)
    with store.write(NOW) as tx:
        key = new_key(tx, grant, now=NOW)
        short = new_key(tx, grant, now=NOW, expires=NOW + timedelta(hours=1))
    assert ring.grant(key) == ring.grant(key) == grant
    assert ring.grant(short) == grant
    assert ring.grant(key + "x") is None
    assert ring.grant("pt_none_x") is None
    with store.write(NOW) as tx:
        revoke_key(tx, key.split("_")[1], now=NOW)
    seconds[0] += unseen_s
    assert ring.grant(key) is None
    assert ring.grant(short) == grant
    now[0] += timedelta(hours=1)
    assert ring.grant(short) is None


def test_a_caller_has_the_address_it_comes_from(store):
    ring = KeyRing(store, lambda: NOW)
    with store.write(NOW) as tx:
        key = new_key(tx, Grant("till", frozenset({"verify"}), None), now=NOW)
    first, second = ring.caller(key, "10.0.0.1"), ring.caller(key, "10.0.0.2")
    assert (first.name, first.client, second.client) == ("till", "10.0.0.1", "10.0.0.2")
    assert ring.caller(key, "10.0.0.1") is first
    assert ring.caller("pt_none_x", "10.0.0.1") is None
