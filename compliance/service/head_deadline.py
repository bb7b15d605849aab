"""A deadline for the head of each request, which the HTTP server itself does not have.

Without one, who opens connections and sends a header now and then holds them for ever, until
nobody else is let in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

_ANSWER = b"the head of the request did not come in time; send it again\n"


class PunctualHttp(H11Protocol):
    """The server's HTTP; a head that is not whole in time is answered 408 and let go."""

    head_deadline_s: ClassVar[float]
    """From the connection, or from the first byte after an answer, to the end of the head."""
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Count from here."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count on, or no more where the head is whole."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._be_content()
        elif self._waiting is None and not self.transport.is_closing():
            self._wait()

    def handle_websocket_upgrade(self, event: Any) -> None:  # noqa: ANN401  # uvicorn's word
        """A WebSocket has deadlines of its own."""
        self._be_content()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._be_content()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.head_deadline_s, self._too_late)

    def _be_content(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _too_late(self) -> None:
        self._waiting = None
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            return
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(_ANSWER))),
            ("connection", "close"),
        ]
        answer = h11.Response(status_code=408, headers=headers, reason=b"Request Timeout")
        for part in (answer, h11.Data(data=_ANSWER), h11.EndOfMessage()):
            self.transport.write(self.conn.send(part) or b"")
        self.transport.close()


def punctual(head_deadline_s: float) -> type[PunctualHttp]:
    """HTTP with this deadline, for the server to make one of for each connection."""
    return type("PunctualHttp", (PunctualHttp,), {"head_deadline_s": head_deadline_s})
