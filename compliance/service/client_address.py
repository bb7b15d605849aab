"""From where a request comes: the connection's other end, or what a trusted proxy says of it.

`X-Forwarded-For` can be written by anybody. It counts only where the connection comes from a
network that the operator has named, and only as far as such proxies have written it.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope


class TrustedProxies:
    """The proxies whose word is taken for the address of a client.

    >>> proxies = TrustedProxies(["10.0.0.0/8"])
    >>> proxies.client("10.0.0.1", "203.0.113.5, 198.51.100.7, 10.2.0.1")
    '198.51.100.7'
    >>> proxies.client("203.0.113.5", "198.51.100.7")
    '203.0.113.5'
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises ValueError for what is no network."""
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(
            ip_network(one, strict=False) for one in networks
        )

    def address(self, scope: Scope) -> str:
        """The address that a request comes from; empty where it has none."""
        peer = scope.get("client")
        if not peer:
            return ""
        if not self._networks:
            return str(peer[0])
        forwarded_values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        return self.client(str(peer[0]), b",".join(forwarded_values).decode("latin-1"))

    def client(self, peer: str, forwarded: str) -> str:
        """The client behind a connection from `peer` that says `X-Forwarded-For: forwarded`."""
        hops = [one.strip() for one in forwarded.split(",") if one.strip()]
        while self._is_trusted(peer) and hops and _is_address(hops[-1]):
            peer = hops.pop()
        return peer

    def is_encrypted(self, scope: Scope) -> bool:
        """Whether the client's own connection is by TLS, as far as it is known."""
        if scope.get("scheme") == "https":
            return True
        peer = scope.get("client")
        scheme = dict(scope["headers"]).get(b"x-forwarded-proto", b"")
        is_trusted = peer is not None and self._is_trusted(str(peer[0]))
        return is_trusted and scheme.lower() == b"https"

    def _is_trusted(self, address: str) -> bool:
        if not _is_address(address):
            return False
        ip = ip_address(address)
        return any(ip in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
