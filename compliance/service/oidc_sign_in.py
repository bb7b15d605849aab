"""Signing in with a browser at the organisation's own identity provider.

OpenID Connect Core 1.0 section 3.1, the authorization code flow, with PKCE (RFC 7636), a state and
a nonce. Nothing is kept here between the two requests: what the answer must fit lies in a cookie
of the browser that asked, so an answer made for another browser opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import httpx
import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from compliance.service.access import Grant
from compliance.service.context import service_context_of
from compliance.service.oidc import TokenReader, is_safe_address, party_in
from compliance.service.pages import issuer_of, render, sign_in_page
from compliance.service.policy import ROLES
from compliance.service.sessions import prove_again
from compliance.service.sign_in_pages import opened
from epcis.http_context import now_of, store_of
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from compliance.service.settings import Settings

router = APIRouter(include_in_schema=False, prefix="/oidc")

COOKIE = "packtrail_oidc"
ANSWER_WITHIN_S = 600
"""How long somebody may take at the identity provider."""
PROVED_WITHIN_S = 120
"""How long ago, at most, who says again who it is gave the provider its password."""
_TIMEOUT_S = 10.0
_KEY_BYTES = 32


class SignInRefused(Refused):
    """The identity provider, or its answer, does not let somebody in; the text says why."""


class Provider(msgspec.Struct):
    """What an identity provider says of itself (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct):
    id_token: str


class Attempt(NamedTuple):
    """What the answer to one attempt to sign in must fit."""

    state: str
    nonce: str
    verifier: str
    is_again: bool
    """Somebody who is signed in says again who it is."""

    @classmethod
    def new(cls, *, is_again: bool) -> Attempt:
        """An attempt that nobody can guess."""
        state, nonce, verifier = (secrets.token_urlsafe(_KEY_BYTES) for _ in range(3))
        return cls(state, nonce, verifier, is_again)

    @classmethod
    def in_cookie(cls, text: str) -> Attempt | None:
        """The attempt of a cookie; None where there is none."""
        match text.split("."):
            case [state, nonce, verifier, why]:
                return cls(state, nonce, verifier, why == "again")
        return None

    @property
    def cookie(self) -> str:
        """As the cookie has it."""
        return ".".join((*self[:3], "again" if self.is_again else "new"))

    @property
    def challenge(self) -> str:
        """The SHA-256 of the verifier (RFC 7636 section 4.2).

        >>> Attempt("", "", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", False).challenge
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
        """
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


@router.get("/start")
def start(request: Request, again: bool = False) -> Response:  # noqa: FBT001, FBT002  # a query's
    """Send the browser to the identity provider."""
    settings = service_context_of(request).settings
    if issuer_of(request) is None:
        return sign_in_page(request, "No identity provider is set up here.", 404)
    attempt = Attempt.new(is_again=again)
    try:
        provider = _provider(settings)
    except SignInRefused as failed:
        return sign_in_page(request, str(failed), 502)
    asked = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": _own_address(request),
        "scope": "openid profile",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": attempt.challenge,
        "code_challenge_method": "S256",
        **({"prompt": "login", "max_age": "0"} if again else {}),
    }
    joined = "&" if "?" in provider.authorization_endpoint else "?"
    answer = RedirectResponse(
        provider.authorization_endpoint + joined + urlencode(asked), status_code=303
    )
    answer.set_cookie(
        COOKIE,
        attempt.cookie,
        max_age=ANSWER_WITHIN_S,
        path="/oidc",
        httponly=True,
        samesite="lax",  # the provider's redirect comes from another site
        secure=bool(request.state.client_uses_tls),
    )
    return answer


@router.get("/callback")
def callback(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """Take the identity provider's answer, and open a session for whom it names."""
    try:
        attempt = _attempt(request, state)
        if error:
            return sign_in_page(request, "The identity provider did not let you in.", 403)
        claims = _claims(request, attempt, code)
        if attempt.is_again:
            return _proved_again(request, claims)
        grant = _grant(claims, service_context_of(request).settings)
    except SignInRefused as failed:
        return sign_in_page(request, str(failed), 403)
    # A page and not a redirect: after one from another site the browser keeps a strict cookie back.
    answer = opened(request, grant, render("signed_in.html", request))
    answer.delete_cookie(COOKIE, path="/oidc")
    return answer


def _attempt(request: Request, state: str) -> Attempt:
    """What this browser asked for, where the answer is one to it."""
    attempt = Attempt.in_cookie(request.cookies.get(COOKIE, ""))
    if attempt is None or not secrets.compare_digest(attempt.state.encode(), state.encode()):
        raise SignInRefused(
            "This answer does not belong to a sign-in that this browser began in the last"
            f" {ANSWER_WITHIN_S // 60} minutes. Sign in again."
        )
    return attempt


def _claims(request: Request, attempt: Attempt, code: str) -> Mapping[str, object]:
    """What the provider says about who signed in, for this attempt and for nobody else."""
    settings = service_context_of(request).settings
    provider = _provider(settings)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _own_address(request),
        "client_id": settings.oidc_client_id,
        "code_verifier": attempt.verifier,
    }
    secret = settings.oidc_client_secret
    try:
        answer = httpx.post(
            provider.token_endpoint,
            data=form,
            auth=httpx.BasicAuth(settings.oidc_client_id, secret) if secret else None,
            timeout=_TIMEOUT_S,
            follow_redirects=False,
        )
        token = msgspec.json.decode(answer.content, type=_Tokens).id_token
    except (httpx.HTTPError, msgspec.MsgspecError) as fault:
        raise SignInRefused("The identity provider gave no identity token. Try again.") from fault
    reader = TokenReader(
        issuer=settings.oidc_issuer, audience=settings.oidc_client_id, jwks=provider.jwks_uri
    )
    claims = reader.claims(token, now_of(request))
    if claims is None or claims.get("nonce") != attempt.nonce:
        raise SignInRefused("The identity token is not by your provider, or not for this sign-in.")
    return claims


def _grant(claims: Mapping[str, object], settings: Settings) -> Grant:
    """What who signed in may do: the first role of ours that the provider names."""
    named = claims.get(settings.oidc_role_claim)
    roles = named if isinstance(named, list) else [named]
    role = next((one for one in ROLES if one in roles), None)
    if role is None:
        raise SignInRefused(
            f"Your account names no role here. Its claim '{settings.oidc_role_claim}' must be one"
            f" of {', '.join(ROLES)}; ask who looks after the accounts."
        )
    return Grant.of_role(str(claims["sub"]), role, party_in(claims))


def _proved_again(request: Request, claims: Mapping[str, object]) -> Response:
    """Let acts through that ask who it is once more, for some minutes."""
    session, now = request.state.session, now_of(request)
    signed_in = claims.get("auth_time")
    if session is None or session.grant.name != claims["sub"]:
        raise SignInRefused("Another person is signed in here. Sign out first.")
    if not isinstance(signed_in, int | float) or now.timestamp() - signed_in > PROVED_WITHIN_S:
        raise SignInRefused("The identity provider did not ask for your password again just now.")
    with store_of(request).write(now) as tx:
        prove_again(tx, session)
    return render("signed_in.html", request)


def _provider(settings: Settings) -> Provider:
    """What the issuer says of itself. Raises `SignInRefused`."""
    issuer = settings.oidc_issuer
    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        answer = httpx.get(address, timeout=_TIMEOUT_S, follow_redirects=False)
        provider = msgspec.json.decode(answer.content, type=Provider)
    except (httpx.HTTPError, msgspec.MsgspecError) as fault:
        raise SignInRefused("The identity provider does not answer. Try again soon.") from fault
    ends = (provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri)
    if provider.issuer != issuer or not all(map(is_safe_address, ends)):
        raise SignInRefused("The identity provider answers for another issuer, or without TLS.")
    return provider


def _own_address(request: Request) -> str:
    """Where the provider sends the browser back to; registered there by the operator."""
    scheme = "https" if request.state.client_uses_tls else "http"
    return f"{scheme}://{request.headers['host']}/oidc/callback"
