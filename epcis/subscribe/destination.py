"""Where results may be delivered: never to this machine's own network unless that is allowed.

A name is resolved once per delivery and the connection goes to the address that was checked, so
that a name cannot point elsewhere between check and use.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS_LENGTH_MAX: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}
PUBLIC_PORTS: Final = frozenset({443, 8443})
"""Ports of public addresses that deliveries may go to: those of web servers."""
_TRANSLATED: Final = tuple(
    map(ipaddress.IPv6Network, ("64:ff9b::/32", "2001::/32", "2002::/16", "::/96"))
)
"""NAT64 (RFC 6052, 8215), Teredo, 6to4 and IPv4-compatible addresses: all lead to IPv4."""
_PRIVATE_4: Final = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
        ),
    )
)
_NAT64_LENGTHS: Final = (32, 40, 48, 56, 64, 96)

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadDestination(ValueError):  # noqa: N818  # says what it is
    """An address to which delivery is impossible or not allowed; the text says why."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A webhook's address, checked for its form.

    >>> str(Destination.parse("https://partner.example/epcis?x=1"))
    'https://partner.example/epcis?x=1'
    """

    scheme: str
    host: str
    port: int
    target: str
    """Path and query string."""

    @classmethod
    def parse(cls, text: str) -> Destination:
        """Read an address; raises `BadDestination`."""
        if len(text) > ADDRESS_LENGTH_MAX:
            raise BadDestination(f"is longer than {ADDRESS_LENGTH_MAX} characters")
        if any(one.isspace() or not one.isprintable() for one in text):
            raise BadDestination("holds a space or control character")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise BadDestination("is no address") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BadDestination("must begin with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise BadDestination("must not hold a user name or password")
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], target)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and, where it is not the usual one, port: the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def url_at(self, ip: str) -> str:
        """The same target at an address that was checked."""
        host = f"[{ip}]" if ":" in ip else ip
        return f"{self.scheme}://{host}:{self.port}{self.target}"

    def literal(self) -> Ip | None:
        """The IP address where the host is one, not a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def check(
    destination: Destination,
    *,
    private_allowed: bool,
    any_port: bool = False,
    clear_allowed: bool = False,
) -> None:
    """Refuse a literal address of a private network at once; names are checked at delivery.

    An operator may name a partner's server at `any_port`; a body that is encrypted itself may go by
    http:// (`clear_allowed`).
    """
    ip = destination.literal()
    if ip is not None and not private_allowed and not is_public(ip):
        raise BadDestination(f"{ip} is not a public address")
    if private_allowed:
        return
    if destination.host.lower().rstrip(".") == "localhost":
        raise BadDestination("localhost is not a public address")
    if destination.scheme != "https" and not clear_allowed:
        raise BadDestination("must begin with https://: results are not sent in the clear")
    if destination.port not in PUBLIC_PORTS and not any_port:
        ports = ", ".join(map(str, sorted(PUBLIC_PORTS)))
        raise BadDestination(f"port {destination.port} is none of {ports}")


def resolve(
    destination: Destination,
    *,
    private_allowed: bool,
    any_port: bool = False,
    clear_allowed: bool = False,
) -> str:
    """The address to connect to; raises `BadDestination` where any of the name's is private."""
    check(
        destination,
        private_allowed=private_allowed,
        any_port=any_port,
        clear_allowed=clear_allowed,
    )
    try:
        found = socket.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise BadDestination(f"the name {destination.host} cannot be resolved: {fault}") from None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not addresses:
        raise BadDestination(f"the name {destination.host} has no address")
    if not private_allowed:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address)):
                raise BadDestination(f"{destination.host} leads to {address}, which is not public")
    return addresses[0]


def is_public(ip: Ip) -> bool:
    """Whether an address is on the public internet; sees through IPv4 inside IPv6.

    >>> is_public(ipaddress.ip_address("::ffff:10.0.0.1"))
    False
    """
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(ip.ipv4_mapped)
        if any(ip in network for network in _TRANSLATED) or any(map(_is_private_4, _inside(ip))):
            return False
    return ip.is_global and not ip.is_multicast


def _inside(ip: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that NAT64 with a prefix of any length would read (RFC 6052 2.2).

    >>> [str(one) for one in _inside(ipaddress.IPv6Address("2001:db8:122:344::192.0.2.33"))]
    ['192.0.2.33']
    """
    raw = ip.packed
    if raw[8]:
        return  # the octet that is zero in every address so made
    for length in _NAT64_LENGTHS:
        start = length // 8
        octets = [raw[at] for at in range(start, 16) if at != 8]
        if not any(octets[4:]):
            yield ipaddress.IPv4Address(bytes(octets[:4]))


def _is_private_4(ip: ipaddress.IPv4Address) -> bool:
    return any(ip in network for network in _PRIVATE_4)
