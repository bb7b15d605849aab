"""Who may do what: one row for every address the server answers, read by the gate of all of them.

A row says which scope an address asks for, whose things it shows or changes, and what else must be
there: a second person, a sign-in that is fresh, a purpose. `policing` asks this table before any
route is reached, and an application with a route that has no row does not start. What is the
caller's own is decided by `verification.registry.rights` (products) and by the party on the key
(events). `docs/reference/access.md` is made from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from verification.acts.kinds import KINDS, ActKind
from verification.answering.hot_routes import HOT_ACTS
from verification.registry.rights import SCOPE_OF_ACT
from verification.routes.national_interfaces import INTERFACES

if TYPE_CHECKING:
    from collections.abc import Iterator

ANYONE = ""
"""In place of a scope: no credentials are asked for."""
ANY_KEY = "*"
"""In place of a scope: any credentials will do."""
SCOPES = {
    "capture": "send events and upload products and lots",
    "query": "read events, master data, recalls and cases",
    "verify": "ask about packs; changes nothing",
    "supply": "hand packs out and take that back",
    "act": "acts in the warehouse, and those on packs that can be undone, as export or lock",
    "destroy": "destroy packs and mark them stolen",
    "recall": "recall lots, withdraw products, extend expiry dates, open cases",
    "export": "ask for signed dossiers",
    "admin": "keys, participants, partners, settings; sees the operator's own lists",
}
"""Everything a caller may be allowed to do, and what that means."""
_READING = frozenset({"query", "verify"})
ROLES = {
    "manufacturer": _READING | {"capture", "act", "destroy", "recall", "export"},
    "wholesaler": _READING | {"capture", "supply", "act", "destroy", "export"},
    "pharmacist": frozenset({"verify", "supply", "act", "destroy", "capture"}),
    "regulator": _READING | {"export"},
    "auditor": frozenset({"export"}),
    "admin": frozenset({"admin"}),
    "capture-bot": frozenset({"capture"}),
}
"""What people and programs of a role may do."""
SEES_ALL_WITH_A_PURPOSE = frozenset({"regulator", "auditor"})
"""Roles that read what belongs to others, each time for a purpose that its owner can look up."""


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


def _rows(own: Own, scope: str, addresses: str, **more: bool | str) -> Iterator[AccessRule]:
    """One row for each line of `addresses`, `METHOD path`."""
    for line in addresses.strip().splitlines():
        method, path = line.split()
        yield AccessRule(method, path, scope, own, **more)  # type: ignore[arg-type]  # named in the table


def _table() -> Iterator[AccessRule]:
    yield from _rows(
        Own.NOTHING,
        ANYONE,
        """
        GET /health
        GET /live
        GET /ready
        GET /openapi.json
        GET /static
        POST /connect/token
        POST /identity/connect/token
        GET /epcis/soap
        OPTIONS /epcis/capture
        GET /workstation/code.svg
        """,
    )
    yield from _rows(
        Own.SESSION,
        ANYONE,
        "GET /sign-in\nPOST /sign-in\nGET /sign-in/{token}\nPOST /sign-out\n"
        "GET /oidc/start\nGET /oidc/callback",
        is_page=True,
    )
    verify = "GET /verify-dossier\nPOST /verify-dossier"
    yield from _rows(Own.NOTHING, ANYONE, verify, is_page=True)
    yield from _rows(Own.NOTHING, ANY_KEY, "GET /log", is_page=True)
    yield from _rows(Own.ASKED, ANY_KEY, "GET /approvals", is_page=True)
    approve = "POST /approvals/{approval_id}/approve"
    yield from _rows(Own.ASKED, ANY_KEY, approve, is_page=True, is_fresh=True)
    yield from _rows(Own.PRODUCT, ANY_KEY, "GET /reads")
    yield from _rows(
        Own.SESSION,
        ANY_KEY,
        "GET /sessions\nPOST /sessions/{session_id}/end\nGET /step-up\nPOST /step-up\n"
        "GET /purpose\nPOST /purpose",
        is_page=True,
    )
    yield from _rows(Own.OPERATOR, "admin", "GET /metrics")
    yield from _of_events()
    yield from _of_log()
    yield from _of_packs()
    yield from _of_acts()
    yield from _of_products()
    yield from _of_the_national_system()
    yield from _of_recalls()
    yield from _of_duties()
    yield from _of_the_warehouse()
    yield from _of_exchange()
    yield from _of_pages()


def _of_events() -> Iterator[AccessRule]:
    yield from _rows(
        Own.ASKED,
        "capture",
        """
        POST /epcis/capture
        POST /epcis/events
        GET /epcis/capture
        GET /epcis/capture/{capture_id:path}
        """,
    )
    yield from _rows(Own.NOTHING, "query", "GET /epcis\nGET /epcis/\nANY /epcis/{path:path}")
    lists = ("eventTypes", "bizSteps", "dispositions", "bizLocations", "readPoints")
    for name in lists:
        yield from _rows(
            Own.EVENTS,
            "query",
            f"""
            GET /epcis/{name}
            GET /epcis/{name}/{{value:path}}
            GET /epcis/{name}/{{value:path}}/events
            """,
        )
    yield from _rows(
        Own.EVENTS,
        "query",
        """
        GET /epcis/events
        GET /epcis/effectiveEvents
        GET /epcis/events/{event_id:path}
        GET /epcis/epcs
        GET /epcis/epcs/{epc:path}
        GET /epcis/epcs/{epc:path}/events
        GET /epcis/epcs/{epc:path}/state
        GET /epcis/queries/{query_name}/events
        WEBSOCKET /epcis/queries/{query_name}/events
        POST /epcis/soap
        GET /packs/{pack:path}/trace
        """,
    )
    yield from _rows(
        Own.ASKED,
        "query",
        """
        OPTIONS /epcis/queries/{query_name}/subscriptions/{subscription_id}
        POST /epcis/queries
        GET /epcis/queries
        GET /epcis/queries/{query_name}
        DELETE /epcis/queries/{query_name}
        POST /epcis/queries/{query_name}/subscriptions
        GET /epcis/queries/{query_name}/subscriptions
        GET /epcis/queries/{query_name}/subscriptions/{subscription_id}
        DELETE /epcis/queries/{query_name}/subscriptions/{subscription_id}
        DELETE /epcis/nextPageToken/{token}
        """,
    )


def _of_log() -> Iterator[AccessRule]:
    yield from _rows(
        Own.NOTHING,
        ANY_KEY,
        """
        GET /log/checkpoint
        GET /log/checkpoint/{size}
        GET /log/key
        GET /log/tile/{path:path}
        GET /log/proof/consistency
        POST /log/witness
        """,
    )
    yield from _rows(Own.EVENTS, ANY_KEY, "GET /log/proof/inclusion")
    yield from _rows(Own.OPERATOR, "admin", "GET /log/status")


def _of_packs() -> Iterator[AccessRule]:
    for path, (method, act) in HOT_ACTS.items():
        yield AccessRule(method, path, SCOPE_OF_ACT[act], Own.ACT)
    yield from _rows(Own.NOTHING, "verify", "POST /packs/scan")
    yield from _rows(
        Own.OPERATOR,
        "verify",
        """
        POST /packs/returns
        GET /packs/returns
        GET /packs/returns/{gtin}/{serial:path}
        GET /verify/directory
        GET /verify/requests/{corr_uuid}
        """,
    )
    yield from _rows(
        Own.OPERATOR,
        "admin",
        """
        PUT /verify/directory/{source}
        GET /anomalies
        POST /anomalies/{anomaly_id}/close
        """,
    )


def _of_acts() -> Iterator[AccessRule]:
    """Acts in the warehouse: each kind asks for a scope of its own."""
    for kind, rule in KINDS.items():
        approved = "release" if kind is ActKind.RELEASE else ""
        path = f"/acts/{kind.value}"
        yield AccessRule("POST", path, rule.scope, Own.PLACE, approved=approved)
        page = f"/work/{kind.value}"
        yield AccessRule("GET", page, rule.scope, Own.NOTHING, is_page=True)
        yield AccessRule("POST", page, rule.scope, Own.PLACE, is_page=True, approved=approved)
    yield from _rows(Own.NOTHING, ANY_KEY, "GET /work", is_page=True)


def _of_products() -> Iterator[AccessRule]:
    yield from _rows(Own.PRODUCT, "verify", "GET /verify/extensions\nGET /verify/sensors")
    yield from _rows(
        Own.PRODUCT,
        "recall",
        """
        POST /verify/extensions
        DELETE /verify/extensions/{gtin}/{lot:path}
        PUT /verify/sensors
        DELETE /verify/sensors/{gtin}
        POST /fmd/uploads/state
        POST /fmd/exemptions
        """,
    )
    yield from _rows(Own.PRODUCT, "recall", "POST /fmd/uploads/recall", approved="recall")
    yield from _rows(Own.PRODUCT, "capture", "POST /fmd/uploads/product\nPOST /fmd/uploads/batch")
    yield from _rows(Own.PRODUCT, "verify", "GET /fmd/lots/{code}/{lot:path}/repacks")


def _of_the_national_system() -> Iterator[AccessRule]:
    for interface in INTERFACES:
        scope = ANYONE if interface.has_own_logins else "verify"
        for route in interface.routes:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield AccessRule(method, route.path, scope, Own.PARTICIPANT)
    yield from _rows(
        Own.PARTICIPANT,
        "verify",
        """
        GET /fmd/must-verify
        GET /fmd/snapshot
        GET /fmd/exemptions
        POST /fmd/intermarket
        """,
    )
    yield from _rows(
        Own.ALERT,
        "verify",
        """
        GET /fmd/alerts
        GET /fmd/alerts/{alert_id}
        POST /fmd/alerts/{alert_id}/steps
        """,
    )
    yield from _rows(
        Own.OPERATOR,
        "admin",
        """
        PUT /fmd/participants/{client}
        PUT /fmd/logins/{login}/{user}
        DELETE /fmd/logins/{login}/{user}
        POST /fmd/participants/{client}/step-up
        """,
    )


def _of_recalls() -> Iterator[AccessRule]:
    yield from _rows(Own.PRODUCT, "recall", "POST /recalls/preview")
    for act in ("", "/{recall_id}/approve", "/{recall_id}/close", "/{recall_id}/withdraw"):
        yield from _rows(Own.PRODUCT, "recall", f"POST /recalls{act}", is_fresh=True)
    found, one = "/reach/{gtin}/{lot:path}", "/{recall_id}"
    for shown in ("", "/contacts", found, one, f"{one}/packs", f"{one}/notices"):
        yield from _rows(Own.OPERATOR, "query", f"GET /recalls{shown}")
    notice = "POST /recalls/notices/{notice_id}"
    yield from _rows(Own.OPERATOR, "recall", f"{notice}/link\n{notice}/answer")
    yield from _rows(Own.OPERATOR, "recall", "PUT /recalls/contacts/{gln}")
    yield from _rows(Own.NOTICE, ANYONE, "GET /answer/{token}\nPOST /answer/{token}", is_page=True)


def _of_duties() -> Iterator[AccessRule]:
    yield from _rows(
        Own.OPERATOR,
        "query",
        """
        GET /cases
        GET /cases/{case_id}
        GET /cases/{case_id}/form-3911
        GET /partners/licences
        GET /audits
        GET /quarantine/{number}
        """,
    )
    yield from _rows(Own.OPERATOR, "query", "GET /transactions/{number:path}")
    yield from _rows(Own.OPERATOR, "query", "GET /transactions", is_page=True)
    yield from _rows(Own.NOTHING, "capture", "POST /files/check\nPOST /files/correct")
    yield from _rows(Own.OPERATOR, "recall", "POST /quarantine\nPOST /cases")
    release = "POST /quarantine/{number}/release"
    yield from _rows(Own.OPERATOR, "recall", release, approved="release")
    further = "POST /cases/{case_id}/steps\nPOST /cases/{case_id}/letter"
    yield from _rows(Own.OPERATOR, "recall", further)
    yield from _rows(Own.OPERATOR, "act", "POST /receiving\nPOST /receiving/compare")
    yield from _rows(
        Own.OPERATOR,
        "admin",
        """
        POST /holds
        GET /holds
        GET /holds/{hold_id}
        GET /retention
        GET /archive
        POST /partners/licences
        POST /partners/licences/{licence_id}/end
        POST /audits
        POST /audits/{audit_id}/done
        """,
    )
    yield from _rows(Own.OPERATOR, "admin", "POST /holds/{hold_id}/release", approved="release")
    yield from _rows(
        Own.ASKED,
        "export",
        "POST /exports\nGET /exports\nGET /exports/profiles\n"
        "GET /exports/{job_id}\nGET /exports/{job_id}/file\nDELETE /exports/{job_id}",
    )


def _of_the_warehouse() -> Iterator[AccessRule]:
    """Serial numbers, labels, orders and counts."""
    yield from _rows(
        Own.OPERATOR,
        "capture",
        """
        GET /serials/pools
        POST /serials/pools
        POST /serials/pools/{pool_id}/close
        POST /serials/pools/{pool_id}/numbers
        GET /serials/grants
        POST /serials/grants
        GET /serials/grants/{grant_id}
        POST /serials/grants/{grant_id}/report
        GET /serials/standing
        """,
    )
    yield from _rows(Own.NOTHING, "verify", "GET /label\nPOST /label\nPOST /label/check")
    yield from _rows(Own.NOTHING, "verify", "GET /labels", is_page=True)
    yield from _rows(
        Own.OPERATOR, "capture", "GET /serials\nPOST /serials/open\nPOST /serials/ask", is_page=True
    )
    orders = "GET /orders\nGET /orders/list\nPOST /orders/new"
    yield from _rows(Own.OPERATOR, "act", orders, is_page=True)
    yield from _rows(Own.OPERATOR, "act", "POST /orders\nPOST /orders/end")
    line = "GET /line\nPOST /line/commission\nPOST /line/pack"
    yield from _rows(Own.PLACE, "act", line, is_page=True)


def _of_exchange() -> Iterator[AccessRule]:
    yield from _rows(
        Own.OPERATOR,
        "admin",
        """
        GET /channels
        GET /channels/new/{kind}
        POST /channels/new/{kind}
        POST /channels/board/test
        POST /channels/board/end
        POST /channels/board/certificate
        POST /channels/board/distrust
        GET /channels/{name}/certificates
        GET /messages
        POST /messages/board/resend
        """,
        is_page=True,
    )
    yield from _rows(
        Own.OPERATOR,
        "admin",
        """
        POST /channels
        POST /channels/{name}/end
        POST /channels/{name}/test
        POST /channels/{name}/certificates
        DELETE /channels/{name}/certificates/{sha256}
        GET /messages/{number}
        GET /messages/{number}/body
        GET /messages/{number}/receipt
        POST /messages/{number}/resend
        """,
    )
    yield from _rows(Own.NOTHING, ANYONE, "POST /as2")
    yield from _rows(Own.OPERATOR, "capture", "POST /messages")
    yield from _rows(
        Own.ASKED,
        "capture",
        "POST /channels/{name}/messages\nGET /channels/{name}/messages/{number}",
    )


def _of_pages() -> Iterator[AccessRule]:
    delivery = "GET /receive\nPOST /receive\nPOST /receive/take-in"
    yield from _rows(Own.OPERATOR, "act", delivery, is_page=True)
    yield from _rows(Own.PRODUCT, ANY_KEY, "GET /", is_page=True)
    yield from _rows(Own.NOTHING, ANY_KEY, "GET /menu", is_page=True)
    yield from _rows(Own.NOTHING, "query", "GET /jump", is_page=True)
    yield from _rows(Own.ACT, "verify", "POST /scan-card\nGET /01/{link:path}", is_page=True)
    keys = ("00", "253", "414", "417", "8003", "8004")
    of_things = "\n".join(f"GET /{key}/{{link:path}}" for key in keys)
    yield from _rows(Own.EVENTS, "query", of_things, is_page=True)
    yield from _rows(Own.PRODUCT, "query", "GET /recalls/board", is_page=True)
    yield from _rows(Own.PRODUCT, "verify", "GET /sensors", is_page=True)
    setting = "POST /sensors\nPOST /sensors/{gtin}/end"
    yield from _rows(Own.PRODUCT, "recall", setting, is_page=True)
    yield from _rows(Own.STOCK, "query", "GET /stock\nGET /stock/items", is_page=True)
    yield from _rows(Own.OPERATOR, "capture", "GET /sheets\nPOST /sheets", is_page=True)
    yield from _rows(Own.OPERATOR, "capture", "GET /sheets/tables\nPOST /sheets/{table}")
    yield from _rows(Own.OPERATOR, "query", "GET /sheets/{table}/file")
    yield from _rows(Own.OPERATOR, "query", "GET /quarantine", is_page=True)
    yield from _rows(Own.OPERATOR, "recall", "POST /quarantine/board", is_page=True)
    release = "POST /quarantine/board/release"
    yield from _rows(Own.OPERATOR, "recall", release, is_page=True, approved="release")
    opened = "POST /recalls/open\nPOST /recalls/board/{act}"
    yield from _rows(Own.PRODUCT, "recall", opened, is_page=True, is_fresh=True)
    yield from _rows(
        Own.ASKED,
        "capture",
        """
        GET /files
        POST /files
        GET /files/{file_id}
        GET /files/{file_id}/corrected
        POST /files/{file_id}/capture
        """,
        is_page=True,
    )
    yield from _rows(Own.OPERATOR, "recall", "POST /recalls/board/link", is_page=True)
    yield from _rows(Own.EVENTS, "export", "POST /proof", is_page=True)
    yield from _rows(Own.ASKED, "export", "GET /dossiers\nPOST /dossiers", is_page=True)
    yield from _rows(
        Own.ALERT,
        "verify",
        "GET /alerts\nGET /alerts/{alert_id}\nPOST /alerts/{alert_id}",
        is_page=True,
    )
    yield from _rows(Own.OPERATOR, "admin", "POST /alerts/anomalies/{anomaly_id}", is_page=True)
    yield from _rows(Own.OPERATOR, "verify", "GET /returns\nPOST /returns", is_page=True)
    yield from _rows(Own.NOTHING, ANY_KEY, "GET /workstation", is_page=True)
    yield from _rows(
        Own.NOTHING, "verify", "POST /workstation\nPOST /workstation/forget", is_page=True
    )


POLICY: dict[tuple[str, str], AccessRule] = {(one.method, one.path): one for one in _table()}
"""The table, by method and path as the route writes it."""
