"""Text answers are sent compressed to whoever takes gzip.

Only answers that are there as a whole are compressed: a streamed list goes on as it is, so that its
first rows are not held back, and HEAD keeps the headers of GET.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BYTES_MIN = 1_000
"""Smaller answers fit one packet anyway."""
_LEVEL = 5
_TEXTS = ("text/", "application/javascript", "image/svg+xml")
_ENDINGS = ("json", "xml")
_LIVE = "text/event-stream"


class Compression:
    """ASGI middleware: gzip for whole text answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, compressing the answer where it is a text that came in one piece."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        takes_gzip = _takes_gzip(scope)
        start: Message | None = None

        async def compressing(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_text(message):
                start = message
                return
            if start is not None:
                first, start = start, None
                message = _compressed(first, message, takes_gzip=takes_gzip)
                await send(first)
            await send(message)

        await self.app(scope, receive, compressing)


def _takes_gzip(scope: Scope) -> bool:
    """Whether the client takes gzip; a weight of nothing says that it does not."""
    accepted = ",".join(
        value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-encoding"
    )
    for entry in accepted.lower().split(","):
        coding, *weight = (part.strip() for part in entry.split(";"))
        if coding == "gzip":
            return not any(one.replace(" ", "") in ("q=0", "q=0.0", "q=0.00") for one in weight)
    return False


def _is_text(start: Message) -> bool:
    headers = MutableHeaders(raw=list(start["headers"]))
    kind = headers.get("content-type", "").split(";")[0].strip()
    is_text = (kind.startswith(_TEXTS) or kind.endswith(_ENDINGS)) and kind != _LIVE
    return is_text and "content-encoding" not in headers and start["status"] not in (206, 304)


def _compressed(start: Message, message: Message, *, takes_gzip: bool) -> Message:
    """The body to send; changes the headers of `start` to go with it."""
    start["headers"] = list(start["headers"])
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    body = message.get("body", b"")
    if not takes_gzip or message.get("more_body") or len(body) < BYTES_MIN:
        return message
    packed = gzip.compress(body, _LEVEL, mtime=0)
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(packed))
    if headers.get("etag", "").startswith('"'):
        headers["etag"] = "W/" + headers["etag"]  # other bytes than those the strong tag names
    return {**message, "body": packed}
