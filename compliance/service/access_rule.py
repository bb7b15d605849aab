"""What one row of the policy says; the rows are in `policy` and `policy_of_pages`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYONE = ""
"""In place of a scope: no credentials are asked for."""
ANY_KEY = "*"
"""In place of a scope: any credentials will do."""


class Own(StrEnum):
    """Whose things an address shows or changes; each value is the sentence of the reference."""

    NOTHING = "nothing of anybody's"
    OPERATOR = "the operator's own; others get the answer that there is nothing"
    EVENTS = "events in which the caller's party is named; an operator's key sees all"
    PRODUCT = "products of the caller's company; an operator's key may for all"
    ACT = "any pack in hand, by the role of the client; unknown serials count against guessing"
    PLACE = "goods at a site of the caller's company; an operator's key acts at all sites"
    STOCK = "goods that the caller's company owns or has; an operator's key sees all"
    PARTICIPANT = "what a registered participant may, by its role"
    ALERT = "alerts that concern the caller: its own, of its products, of its market"
    ASKED = "what the caller itself, or its party, asked for"
    NOTICE = "the one notice that the link was sent with"
    SESSION = "the caller's own session"


class AccessRule(NamedTuple):
    """What one address asks for."""

    method: str
    path: str
    scope: str
    own: Own
    is_page: bool = False
    """A person looks at it: who is refused gets the page to sign in."""
    is_fresh: bool = False
    """A browser must have been given the password again shortly before."""
    approved: str = ""
    """The act that a second person must have approved, where that is switched on."""


def rows_of(own: Own, scope: str, addresses: str, **more: bool | str) -> Iterator[AccessRule]:
    """One row for each line of `addresses`, `METHOD path`."""
    for line in addresses.strip().splitlines():
        method, path = line.split()
        yield AccessRule(method, path, scope, own, **more)  # type: ignore[arg-type]  # named in the table
