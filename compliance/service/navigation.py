"""The places of the application: which of them a caller sees, and in which order.

A place is shown where the policy has a row for its page and the caller keeps that row, so a page
that does not exist, or that would refuse the caller, is never offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.service.access_rule import ANY_KEY, ANYONE, Own
from compliance.service.policy import POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.http_context import Caller

FIRST_PLACES = 4
"""So many stand in the bar of a phone; the rest is behind More."""


class MenuPlace(NamedTuple):
    """A page that navigation leads to."""

    path: str
    name: str
    icon: str
    """Symbol of `static/icons.svg`."""
    about: str
    """One line that says what the page is for."""
    begins_group: bool = False


_PLACES = (
    MenuPlace("/", "Scan", "scan", "Scan a pack and see what to do with it."),
    MenuPlace("/work", "Work", "work", "Receive, pack, ship, count: one page for each act."),
    MenuPlace("/receive", "Receive", "work", "Scan a delivery against what was announced."),
    MenuPlace("/stock", "Stock", "stock", "What is here, what expires next, what is held."),
    MenuPlace("/orders", "Orders", "orders", "Orders and pick lists."),
    MenuPlace("/counts", "Counts", "counts", "Count the stock and settle what differs."),
    MenuPlace("/inspections", "Inspections", "proof", "Lots under inspection, and who releases."),
    MenuPlace("/insight", "Insight", "insight", "What lasts how long, sells slowly or gets lost."),
    MenuPlace("/alerts", "Alerts", "alert", "Packs that were not confirmed, and what is done."),
    MenuPlace("/returns", "Returns", "back", "Verify packs that came back before they are resold."),
    MenuPlace("/cases/board", "Cases", "clock", "Suspects and exceptions by their clock.", True),
    MenuPlace("/quarantine", "Quarantine", "hold", "Goods that are set aside, and who frees them."),
    MenuPlace("/recalls/board", "Recalls", "recall", "Recalled lots, holders and answers."),
    MenuPlace("/requests", "Requests", "ask", "Questions of authorities and partners."),
    MenuPlace("/files", "Files", "file", "Drop an EPCIS file and read it in plain words.", True),
    MenuPlace("/transactions", "Shipments", "orders", "Transaction documents, by order or SSCC."),
    MenuPlace("/sheets", "Sheets", "table", "CSV and Excel in and out."),
    MenuPlace("/serials", "Serials", "number", "Pools of serial numbers, and grants to lines."),
    MenuPlace("/line", "Line", "work", "Commission what is printed, and pack into new cases."),
    MenuPlace("/labels", "Labels", "label", "Draw a label, and check the printed one."),
    MenuPlace("/channels", "Partners", "exchange", "Connections to partners, files in and out."),
    MenuPlace("/partners", "Licences", "people", "Licences and audits of partners."),
    MenuPlace("/dossiers", "Dossiers", "dossier", "Signed files that prove themselves."),
    MenuPlace(
        "/verify-dossier", "Verify a dossier", "proof", "Drop a dossier and see what it proves."
    ),
    MenuPlace("/approvals", "Approvals", "hands", "What waits for a second person.", True),
    MenuPlace("/log", "Log", "log", "The record nobody can change unnoticed, and who watches it."),
    MenuPlace("/keys", "Keys", "proof", "Certificates that dossiers are signed with."),
    MenuPlace("/regulator", "Oversight", "eye", "What you read, why, and how to take it along."),
    MenuPlace("/health/page", "Health", "health", "Whether the server and its work are well."),
    MenuPlace("/sessions", "Sessions", "person", "Where you are signed in."),
    MenuPlace("/workstation", "Scanner", "keyboard", "Teach this workstation its scanner."),
    MenuPlace("/settings", "Settings", "settings", "Who you are, and how this site works."),
    MenuPlace("/docs", "Help", "file", "Tutorials, how-to, reference: as they came with it."),
    MenuPlace("/reference/api", "API", "code", "Every operation for programs."),
)
"""Every place that may be shown, in order; most used first."""


FIRST_PAGE = {
    "manufacturer": "/line",
    "wholesaler": "/work",
    "pharmacist": "/",
    "regulator": "/regulator",
    "auditor": "/regulator",
    "admin": "/health/page",
    "capture-bot": "/files",
}
"""Where somebody of a role begins; who has scopes of no role begins at the scanner."""


def first_page(role: str | None) -> str:
    """The page that a person sees after signing in, where no other was asked for.

    >>> first_page("regulator"), first_page(None)
    ('/regulator', '/')
    """
    return FIRST_PAGE.get(role or "", "/")


def places_of(caller: Caller, left_out: frozenset[str] = frozenset()) -> tuple[MenuPlace, ...]:
    """The places that a caller is shown, without those that are no work of the company.

    >>> from epcis.http_context import Caller
    >>> [place.name for place in places_of(Caller("till", frozenset({"verify"}), "/414/1"))][:2]
    ['Scan', 'Work']
    """
    return tuple(place for place in _shown(caller) if place.path not in left_out)


def every_icon() -> tuple[str, ...]:
    """The symbols that stand beside places, each once."""
    return tuple(dict.fromkeys(place.icon for place in _PLACES))


def _shown(caller: Caller) -> Iterator[MenuPlace]:
    if caller.is_anonymous:
        return
    for place in _PLACES:
        rule = POLICY.get(("GET", place.path))
        if rule is None or not rule.is_page:
            continue
        may = rule.scope in (ANY_KEY, ANYONE) or rule.scope in caller.scopes
        # An operator's list answers a company that there is nothing.
        if may and (rule.own is not Own.OPERATOR or caller.party is None):
            yield place
