"""OpenID Connect tokens, checked against the issuer's own keys.

Only signature algorithms with a public key are accepted, the algorithm named by the key wins over
the one named by the token, and the headers `jku`, `x5u` and `jwk` are never followed (ASVS 9.1).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from compliance.service.access import EVERYTHING, Grant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from joserfc.jwk import KeySet

    from compliance.service.settings import Settings

_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
_KEYS_AGE_S_MAX = 3600
_RETRY_AFTER_S = 30
_CLOCK_SKEW_S = 60


class TokenReader:
    """Reads tokens of one issuer; its key set is fetched at first use and kept for an hour."""

    def __init__(self, *, issuer: str, audience: str, jwks: str) -> None:
        self._issuer = issuer
        self._audience = audience
        self._jwks = jwks
        self._keys: KeySet | None = None
        self._fetched_s = 0.0
        self._tried_s = -_RETRY_AFTER_S * 1.0

    @classmethod
    def of(cls, settings: Settings) -> TokenReader | None:
        """The reader the settings ask for; None where no issuer is set."""
        if not settings.oidc_issuer:
            return None
        return cls(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            jwks=settings.oidc_jwks,
        )

    def grant(self, token: str, now: datetime) -> Grant | None:
        """What the token gives: its `sub`, the known scopes of `scope`, and `gln` as the party.

        None where the token is not for us, not by the issuer, or not valid at `now`.
        """
        claims = self.claims(token, now)
        if claims is None:
            return None
        scopes = frozenset(str(claims.get("scope", "")).split()) & EVERYTHING
        return Grant(str(claims["sub"]), scopes, party_in(claims))

    def claims(self, token: str, now: datetime) -> Mapping[str, object] | None:
        """What a token says; None where it is not for us, not by the issuer, or not valid."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        keys = self._key_set(now.timestamp())
        if keys is None:
            return None
        try:
            claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
        except (JoseError, ValueError):
            return None
        return claims if self._is_good(claims, now.timestamp()) else None

    def _is_good(self, claims: Mapping[str, object], now_s: float) -> bool:
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        expires, not_before = claims.get("exp"), claims.get("nbf", 0)
        return (
            claims.get("iss") == self._issuer
            and self._audience in named
            and isinstance(claims.get("sub"), str)
            and isinstance(expires, int | float)
            and isinstance(not_before, int | float)
            and not_before - _CLOCK_SKEW_S <= now_s < expires + _CLOCK_SKEW_S
        )

    def _key_set(self, now_s: float) -> KeySet | None:
        import httpx
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        fresh = self._keys is not None and now_s - self._fetched_s < _KEYS_AGE_S_MAX
        if not fresh and now_s - self._tried_s >= _RETRY_AFTER_S:
            self._tried_s = now_s
            try:
                self._keys = KeySet.import_key_set(self._fetch())
                self._fetched_s = now_s
            except (OSError, httpx.HTTPError, ValueError, JoseError):
                # The issuer is away: keys we already hold stay good, without any nobody enters.
                return self._keys
        return self._keys

    def _fetch(self) -> Any:  # noqa: ANN401  # JSON of the issuer, checked by import_key_set
        import httpx

        if is_safe_address(self._jwks):
            return httpx.get(self._jwks, timeout=5, follow_redirects=False).json()
        return json.loads(Path(self._jwks).read_text())


def party_in(claims: Mapping[str, object]) -> str | None:
    """The key of the party that the issuer says somebody acts for.

    >>> party_in({"gln": "0366666000014"}), party_in({})
    ('/414/0366666000014', None)
    """
    gln = claims.get("gln")
    return f"/414/{gln}" if gln else None


def is_safe_address(address: str) -> bool:
    """Whether nobody on the way can change what an address answers: by TLS, or on this machine.

    >>> is_safe_address("https://id.example/keys"), is_safe_address("http://id.example/keys")
    (True, False)
    """
    parts = urlsplit(address)
    on_this_machine = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and on_this_machine)
