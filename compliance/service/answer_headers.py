"""The headers that answers carry besides their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from epcis.ledger.store import Store

_CSP = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_CAMERA_CSP = _CSP.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
"""Of the page with the camera alone: its reader of codes is compiled in the browser."""
_CAMERA_PATH = "/"
NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
"""What every answer says besides."""
NOT_STORED = (b"cache-control", b"private, no-store")
"""Said of every answer that says nothing else about being kept."""
_HEADERS = (
    NOT_SNIFFED,
    (b"content-security-policy", _CSP.encode()),
    # Not no-referrer: browsers then send "Origin: null" with our own forms, which the gate refuses.
    (b"referrer-policy", b"same-origin"),
)
"""What whatever a browser may show says besides."""
_OF_THE_CAMERA = tuple(
    (name, _CAMERA_CSP.encode() if name == b"content-security-policy" else value)
    for name, value in _HEADERS
)


def checkpoint_named(store: Store) -> tuple[tuple[bytes, bytes], ...]:
    """The header that names the newest signed checkpoint; none before one was signed.

    Whoever keeps it can later have the log proved to continue it: two parties that were given
    different checkpoints of one size hold the proof of a fork.
    """
    return ((b"packtrail-checkpoint", store.signed.encode()),) if store.signed else ()


class AnswerHeaders:
    """ASGI middleware: the newest checkpoint, and what keeps a browser from doing too much."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding headers to the answer."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = dict(message["headers"])
                is_json = b"json" in present.get(b"content-type", b"json")
                # How many entries the log has says how busy a company is: not to nobody.
                caller = scope.get("state", {}).get("caller")
                known = caller is not None and not caller.is_anonymous
                signed = checkpoint_named(self.store) if known else ()
                kept = () if scope["path"].startswith("/static/") else (NOT_STORED,)
                of_page = _OF_THE_CAMERA if scope["path"] == _CAMERA_PATH else _HEADERS
                headers = (*signed, *kept, *((NOT_SNIFFED,) if is_json else of_page))
                extra = [pair for pair in headers if pair[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, adding)
