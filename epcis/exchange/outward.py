"""Requests to partners' servers: only to addresses that were checked, with bounded answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from epcis.subscribe.destination import BadDestination, Destination, resolve
from epcis.tls import trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epcis.exchange.exchange import Exchange
    from epcis.exchange.spool import Region

CONNECT_TIMEOUT_S: Final = 10.0
PAUSE_TIMEOUT_S: Final = 60.0
"""Longest wait for the partner's next bytes."""
ANSWER_BYTES_MAX: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """What a partner's server answered."""

    status: int | None
    """HTTP status; None where there was no answer."""
    headers: Mapping[str, str]
    """By lower-case name."""
    content: bytes
    reason: str = ""
    """Why there was no answer, or what the status means."""

    @property
    def is_taken(self) -> bool:
        """Whether the server accepted the request."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_final(self) -> bool:
        """Whether the same request will never be accepted: 4xx but for those that ask to wait.

        >>> ServerAnswer(422, {}, b"").is_final, ServerAnswer(429, {}, b"").is_final
        (True, False)
        """
        waits = (401, 403, 404, 407, 408, 425, 429)
        return self.status is not None and 400 <= self.status < 500 and self.status not in waits


def post_to_partner(
    exchange: Exchange,
    address: str,
    body: Region,
    headers: Mapping[str, str],
    *,
    clear_allowed: bool = False,
) -> ServerAnswer:
    """POST a body and read the answer; network errors are an answer without status.

    `clear_allowed` for bodies that are encrypted or signed themselves: http:// will do.
    """
    try:
        to = Destination.parse(address)
        ip = resolve(
            to, private_allowed=exchange.private_allowed, any_port=True, clear_allowed=clear_allowed
        )
        return _post(to, ip, body, headers)
    except BadDestination as fault:
        return ServerAnswer(None, {}, b"", f"{address} {fault}")
    except httpx.TimeoutException:
        return ServerAnswer(None, {}, b"", f"{address} did not answer in time")
    except httpx.HTTPError as fault:
        return ServerAnswer(None, {}, b"", f"{address}: {plain_fault(str(fault))}")


_FAULTS: Final[Mapping[str, str]] = {
    "refused": "nothing listens there: compare address and port; a firewall may keep us out",
    "certificate_verify_failed": "this machine does not trust its TLS certificate: ask the partner"
    " for one of a public authority",
    "wrong_version_number": "it speaks no TLS at this port: compare address and port",
    "no route": "no way leads there: compare the address, and ask who runs the network here",
    "disconnected": "its server broke off before it answered: it may go later",
}
"""Marks of faults of the network, with what they mean and what to do."""


def plain_fault(fault: str) -> str:
    """A fault of the network in plain words, with what to do.

    >>> plain_fault("[Errno 111] Connection refused")
    'nothing listens there: compare address and port; a firewall may keep us out'
    """
    found = (words for mark, words in _FAULTS.items() if mark in fault.lower())
    return next(found, fault)


def _post(to: Destination, ip: str, body: Region, headers: Mapping[str, str]) -> ServerAnswer:
    timeout = httpx.Timeout(PAUSE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    with httpx.Client(
        timeout=timeout, verify=trusted_authorities(), follow_redirects=False, trust_env=False
    ) as client:
        request = client.build_request(
            "POST",
            to.url_at(ip),
            content=body.chunks(),
            headers={
                **headers,
                "Host": to.authority,
                "Content-Length": str(body.size_bytes),
            },
            extensions={"sni_hostname": to.host},
        )
        answer = client.send(request, stream=True)
        try:
            content = b"".join(_bounded(answer))
        finally:
            answer.close()
    answer_headers = {name.lower(): value for name, value in answer.headers.items()}
    reason = "" if answer.is_success else f"{to} answered {answer.status_code}"
    return ServerAnswer(answer.status_code, answer_headers, content, reason)


def _bounded(answer: httpx.Response) -> Iterator[bytes]:
    left = ANSWER_BYTES_MAX
    for chunk in answer.iter_bytes():
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
