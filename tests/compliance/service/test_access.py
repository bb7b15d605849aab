"""Keys, links and sessions: what they open, and when they stop doing so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from compliance.duty_tables import api_key
from compliance.service import access
from compliance.service.access import Grant, UnknownScopeError

TILL = Grant("till", frozenset({"verify"}), "/414/0366666000014")


def test_a_key_gives_what_it_was_made_for(store, now) -> None:
    with store.write(now) as tx:
        key = access.new_key(tx, TILL, now=now)
    with store.read() as snapshot:
        assert access.grant_of_key(snapshot, key, now) == TILL
        stored = snapshot.connection.execute(select(api_key)).one()
    assert key.split("_", 2)[2] not in str(tuple(stored))


@pytest.mark.parametrize("spoil", [lambda k: k + "x", lambda k: "pt_0_" + k, lambda k: k[:12]])
def test_a_spoilt_key_opens_nothing(store, now, spoil) -> None:
    with store.write(now) as tx:
        key = access.new_key(tx, TILL, now=now)
    with store.read() as snapshot:
        assert access.grant_of_key(snapshot, spoil(key), now) is None


def test_a_key_ends_when_it_expires_or_is_revoked(store, now) -> None:
    with store.write(now) as tx:
        short = access.new_key(tx, TILL, now=now, expires=now + timedelta(days=1))
        other = access.new_key(tx, TILL, now=now)
    with store.read() as snapshot:
        assert access.grant_of_key(snapshot, short, now + timedelta(days=1)) is None
    with store.write(now) as tx:
        assert access.revoke_key(tx, other.split("_")[1], now=now)
        assert not access.revoke_key(tx, other.split("_")[1], now=now)
    with store.read() as snapshot:
        assert access.grant_of_key(snapshot, other, now) is None


def test_a_sign_in_link_works_once_and_not_for_ever(store, now) -> None:
    with store.write(now) as tx:
        link = access.new_sign_in_link(tx, TILL, now=now, minutes=10)
        late = access.new_sign_in_link(tx, TILL, now=now, minutes=10)
    with store.write(now) as tx:
        assert access.grant_of_link(tx, link, now=now) == TILL
        assert access.grant_of_link(tx, link, now=now) is None
        assert access.grant_of_link(tx, late, now=now + timedelta(minutes=11)) is None


def test_scopes_that_do_not_exist_are_named() -> None:
    with pytest.raises(UnknownScopeError, match="fly"):
        access.scopes_of("verify,fly")
    with pytest.raises(UnknownScopeError):
        access.scopes_of(" , ")
