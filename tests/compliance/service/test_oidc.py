"""Tokens of an identity provider: only its own, only for us, only now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from compliance.service.oidc import TokenReader


@pytest.fixture
def key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})


@pytest.fixture
def reader(key: ECKey, tmp_path: Path) -> TokenReader:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    return TokenReader(issuer="https://id.example", audience="packtrail", jwks=str(jwks))


def claims(now, **changes):
    told = {
        "iss": "https://id.example",
        "aud": ["packtrail"],
        "sub": "ann",
        "exp": int(now.timestamp()) + 600,
        "scope": "verify query fly",
        "gln": "0366666000014",
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def signed(key: ECKey, told: dict, **header) -> str:
    return jwt.encode({"alg": "ES256", "kid": "k1", **header}, told, key)


def test_a_good_token_gives_its_known_scopes_and_party(reader, key, now) -> None:
    grant = reader.grant(signed(key, claims(now)), now)
    assert grant is not None
    assert (grant.name, grant.scopes) == ("ann", {"verify", "query"})
    assert grant.party == "/414/0366666000014"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "someone"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"nbf": 9_999_999_999},
    ],
)
def test_any_other_token_gives_nothing(reader, key, now, changes) -> None:
    assert reader.grant(signed(key, claims(now, **changes)), now) is None


def test_foreign_keys_and_weak_algorithms_give_nothing(reader, key, now) -> None:
    foreign = ECKey.generate_key("P-256", {"kid": "k1"})
    assert reader.grant(signed(foreign, claims(now)), now) is None
    public = OctKey.import_key(json.dumps(key.as_dict(private=False)).encode())
    symmetric = jwt.encode({"alg": "HS256", "kid": "k1"}, claims(now), public, algorithms=["HS256"])
    assert reader.grant(symmetric, now) is None
    assert reader.grant("a.b.c", now) is None
    assert reader.grant("", now) is None


def test_an_issuer_that_is_away_lets_nobody_in(now, tmp_path: Path) -> None:
    reader = TokenReader(issuer="i", audience="a", jwks=str(tmp_path / "absent.json"))
    assert reader.grant("a.b.c", now) is None
