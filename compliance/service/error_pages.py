"""Every refusal as a page, where a person asked with a browser.

A route, the gate or the framework refuses with problem+json, whichever door it was. This layer lies
around all of them and words the refusal for whoever asks: JSON for a program, a page for a person,
a card for the script that asked for a piece of a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse

from compliance.service.pages import PIECE_HEADER, render, sign_in_page, wants_page, way_back
from compliance.service.purposes import PURPOSE_NEEDED

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PASSWORD_NEEDED = "Password needed again"  # noqa: S105  # a title, not a password
"""The title of the refusal that a browser answers by giving the password again."""
_ASKED_FIRST = {PASSWORD_NEEDED: "/step-up?way={}", PURPOSE_NEEDED: "/purpose?back={}"}
"""Where a browser goes first for what a refusal asks for."""
_PROBLEM = b"application/problem+json"
_KEPT = frozenset({b"retry-after", b"allow", b"www-authenticate", b"connection"})
"""Headers of a problem that its page keeps."""


class Advice(NamedTuple):
    """What a page says above a problem's own words, and what to do."""

    title: str
    todo: str


_ADVICE = {
    400: Advice("This was not understood", "Go back, correct what is named, send it again."),
    401: Advice("Sign in", "Sign in, and you are taken back to where you were."),
    403: Advice("You may not do this", "Ask your administrator if it belongs to your work."),
    404: Advice("There is nothing here", "Check the address, or paste a number above."),
    405: Advice(
        "This address is not a page", "Use the pages on the left; programs use this address."
    ),
    406: Advice("Not in this form", "Ask for the page without its ending, or for one named here."),
    408: Advice("The sending broke off", "Check the line and send it again; nothing was stored."),
    409: Advice("Not possible now", "Look at its present state; somebody may have been quicker."),
    413: Advice("Too large", "Send it in smaller parts, or ask your operator for a higher limit."),
    415: Advice("This kind of file is not read", "Send one of the kinds named here."),
    421: Advice("Wrong address", "Open Packtrail by the name your operator gave you."),
    422: Advice("Not accepted", "Correct what is named here, and send it again."),
    429: Advice("Too many tries", "Wait as long as is given here, then try again."),
    503: Advice("Not available now", "Nothing was stored. Try again in a moment."),
    507: Advice("No space left", "Nothing was stored. Tell your operator to make room."),
}
_REFUSED = Advice("Not done", "Go back and try again; if it stays so, tell your operator.")
_FAULT = Advice("A fault of ours", "Try again; if it stays so, tell your operator.")


def advice_for(status: int) -> Advice:
    """What to say above a problem of a status, and what to do.

    >>> advice_for(404).title
    'There is nothing here'
    >>> advice_for(502).title
    'A fault of ours'
    """
    return _ADVICE.get(status, _FAULT if status >= 500 else _REFUSED)


class ErrorPages:
    """ASGI middleware around everything else: problems become pages for people."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; hold back a problem that a browser is to see as a page."""
        if scope["type"] != "http" or not wants_page(_header(scope, b"accept")):
            await self.app(scope, receive, send)
            return
        held: list[Message] = []

        async def holding(message: Message) -> None:
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                if kind.startswith(_PROBLEM):
                    held.append(message)
                    return
            if not held:
                await send(message)
                return
            held.append(message)
            if not message.get("more_body"):
                await _page_of(scope, receive, held)(scope, receive, send)

        await self.app(scope, receive, holding)


def _header(scope: Scope, name: bytes) -> str:
    return b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")


def _page_of(scope: Scope, receive: Receive, held: list[Message]) -> Response:
    start, *parts = held
    problem = {"findings": [], **orjson.loads(b"".join(part.get("body", b"") for part in parts))}
    request = Request(scope, receive)
    if PIECE_HEADER not in request.headers and problem["title"] in _ASKED_FIRST:
        asked = _ASKED_FIRST[problem["title"]].format(quote(_here(request), safe=""))
        return RedirectResponse(asked, status_code=303)
    status = start["status"]
    page: Response
    if PIECE_HEADER in request.headers:
        page = render("error_card.html", request, problem=problem, advice=advice_for(status))
    elif status == 401:
        say = "" if "authorization" not in request.headers else problem.get("detail", "")
        page = sign_in_page(request, say, status, _here(request))
    else:
        page = render("error.html", request, problem=problem, advice=advice_for(status))
    page.status_code = status
    page.raw_headers.extend(
        (name, value) for name, value in start["headers"] if name.lower() in _KEPT
    )
    return page


def _here(request: Request) -> str:
    """Where a person goes on after signing in: the page asked for, or the form that was sent."""
    if request.method in ("GET", "HEAD"):
        query = f"?{request.url.query}" if request.url.query else ""
        return way_back(request.url.path + query)
    came = urlsplit(request.headers.get("referer", ""))
    return way_back(came.path + (f"?{came.query}" if came.query else "") or "/")
