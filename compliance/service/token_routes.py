"""`/connect/token`: how clients of the REST family get the token they send with each request.

They ask with OAuth 2.0 client credentials (RFC 6749 section 4.4) in a form. The client's secret is
its API key, and the token is that key again: it ends when the key ends, and nothing new is kept.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from compliance.service import access
from epcis.http_context import now_of, store_of

router = APIRouter(tags=["access"])

EXPIRES_S = 3600
"""After so many seconds a client asks again, and learns whether its key still stands."""
_NOT_KEPT = {"Cache-Control": "no-store"}


class TokenForm(BaseModel):
    """A client's request for a token."""

    grant_type: str = ""
    client_id: str = Field(default="", max_length=200)
    client_secret: str = Field(default="", max_length=500)


@router.post("/connect/token", response_class=JSONResponse)
@router.post("/identity/connect/token", include_in_schema=False)
def token(request: Request, asked: Annotated[TokenForm, Form()]) -> Response:
    """A bearer token for a client's API key."""
    if asked.grant_type != "client_credentials":
        return _refused(400, "unsupported_grant_type", "ask with client_credentials")
    with store_of(request).read() as snapshot:
        grant = access.grant_of_key(snapshot, asked.client_secret, now_of(request))
    if grant is None or grant.name != asked.client_id:
        return _refused(401, "invalid_client", "the name and the API key do not belong together")
    given: dict[str, Any] = {"access_token": asked.client_secret, "token_type": "Bearer"}
    more = {"expires_in": EXPIRES_S, "scope": " ".join(sorted(grant.scopes))}
    return JSONResponse(given | more, headers=_NOT_KEPT)


def _refused(status: int, error: str, what: str) -> Response:
    body = {"error": error, "error_description": what}
    return JSONResponse(body, status, headers=_NOT_KEPT)
