"""Who may do what: one row for every address the server answers, read by the gate of all of them.

A row says which scope an address asks for, whose things it shows or changes, and what else must be
there: a second person, a sign-in that is fresh, a purpose. `policing` asks this table before any
route is reached, and an application with a route that has no row does not start. What is the
caller's own is decided by `verification.registry.rights` (products) and by the party on the key
(events). `docs/reference/access.md` is made from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.service.access_rule import ANY_KEY, ANYONE, AccessRule, Own, rows_of
from compliance.service.policy_of_pages import of_exchange, of_pages, of_the_warehouse
from verification.acts.kinds import KINDS, ActKind
from verification.answering.hot_routes import HOT_ACTS
from verification.registry.rights import SCOPE_OF_ACT
from verification.routes.national_interfaces import INTERFACES

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPES = {
    "capture": "send events and upload products and lots",
    "query": "read events, master data, recalls and cases",
    "verify": "ask about packs; changes nothing",
    "supply": "hand packs out and take that back",
    "act": "acts in the warehouse, and those on packs that can be undone, as export or lock",
    "destroy": "destroy packs and mark them stolen",
    "hold": "hold goods and free them, open cases and take them further, write letters",
    "recall": "recall lots, withdraw products, extend expiry dates; and whatever `hold` may",
    "export": "ask for signed dossiers",
    "admin": "keys, participants, partners, settings; sees the operator's own lists",
}
"""Everything a caller may be allowed to do, and what that means."""
_READING = frozenset({"query", "verify"})
ROLES = {
    "manufacturer": _READING | {"capture", "act", "destroy", "hold", "recall", "export"},
    "wholesaler": _READING | {"capture", "supply", "act", "destroy", "hold", "export"},
    "pharmacist": _READING | {"capture", "supply", "act", "destroy", "hold"},
    "regulator": _READING | {"export"},
    "auditor": frozenset({"export"}),
    "admin": frozenset({"admin"}),
    "capture-bot": frozenset({"capture"}),
}
"""What people and programs of a role may do."""
SEES_ALL_WITH_A_PURPOSE = frozenset({"regulator", "auditor"})
"""Roles that read what belongs to others, each time for a purpose that its owner can look up."""


def _table() -> Iterator[AccessRule]:
    yield from rows_of(
        Own.NOTHING,
        ANYONE,
        """
        GET /health
        GET /live
        GET /ready
        GET /openapi.json
        GET /static
        GET /offline
        GET /service-worker.js
        POST /connect/token
        POST /identity/connect/token
        GET /epcis/soap
        OPTIONS /epcis/capture
        GET /workstation/code.svg
        """,
    )
    yield from rows_of(
        Own.SESSION,
        ANYONE,
        "GET /sign-in\nPOST /sign-in\nGET /sign-in/{token}\nPOST /sign-out\n"
        "GET /oidc/start\nGET /oidc/callback",
        is_page=True,
    )
    yield from rows_of(Own.NOTHING, ANYONE, "GET /first-run\nPOST /first-run", is_page=True)
    task = "GET /first-task\nGET /first-task/label.png\nGET /first-task/shipment.jsonld"
    yield from rows_of(Own.NOTHING, ANY_KEY, task, is_page=True)
    yield from rows_of(Own.OPERATOR, "admin", "GET /settings\nPOST /settings", is_page=True)
    verify = "GET /verify-dossier\nPOST /verify-dossier"
    yield from rows_of(Own.NOTHING, ANYONE, verify, is_page=True)
    reference = "GET /reference/api\nGET /reference/style\nGET /docs\nGET /docs/{path:path}"
    yield from rows_of(Own.NOTHING, ANYONE, reference, is_page=True)
    yield from rows_of(Own.OPERATOR, "admin", "GET /health/page", is_page=True)
    yield from rows_of(Own.NOTHING, ANY_KEY, "GET /log", is_page=True)
    yield from rows_of(Own.ASKED, ANY_KEY, "GET /approvals", is_page=True)
    approve = "POST /approvals/{approval_id}/approve"
    yield from rows_of(Own.ASKED, ANY_KEY, approve, is_page=True, is_fresh=True)
    yield from rows_of(Own.PRODUCT, ANY_KEY, "GET /reads")
    yield from rows_of(Own.SESSION, "export", "GET /regulator", is_page=True)
    yield from rows_of(
        Own.SESSION,
        ANY_KEY,
        "GET /sessions\nPOST /sessions/{session_id}/end\nGET /step-up\nPOST /step-up\n"
        "GET /purpose\nPOST /purpose",
        is_page=True,
    )
    yield from rows_of(Own.OPERATOR, "admin", "GET /metrics")
    yield from rows_of(Own.OPERATOR, "admin", "GET /keys", is_page=True)
    rotate = "POST /keys/rotate"
    yield from rows_of(Own.OPERATOR, "admin", rotate, is_page=True, is_fresh=True, approved="keys")
    yield from _of_events()
    yield from _of_log()
    yield from _of_packs()
    yield from _of_acts()
    yield from _of_products()
    yield from _of_the_national_system()
    yield from _of_recalls()
    yield from _of_requests()
    yield from _of_duties()
    yield from of_the_warehouse()
    yield from of_exchange()
    yield from of_pages()


def _of_events() -> Iterator[AccessRule]:
    yield from rows_of(
        Own.ASKED,
        "capture",
        """
        POST /epcis/capture
        POST /epcis/events
        GET /epcis/capture
        GET /epcis/capture/{capture_id:path}
        """,
    )
    yield from rows_of(Own.NOTHING, "query", "GET /epcis\nGET /epcis/\nANY /epcis/{path:path}")
    lists = ("eventTypes", "bizSteps", "dispositions", "bizLocations", "readPoints")
    for name in lists:
        yield from rows_of(
            Own.EVENTS,
            "query",
            f"""
            GET /epcis/{name}
            GET /epcis/{name}/{{value:path}}
            GET /epcis/{name}/{{value:path}}/events
            """,
        )
    yield from rows_of(
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
    yield from rows_of(
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
    yield from rows_of(
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
    yield from rows_of(Own.EVENTS, ANY_KEY, "GET /log/proof/inclusion")
    yield from rows_of(Own.OPERATOR, "admin", "GET /log/status")


def _of_packs() -> Iterator[AccessRule]:
    for path, (method, act) in HOT_ACTS.items():
        yield AccessRule(method, path, SCOPE_OF_ACT[act], Own.ACT)
    yield from rows_of(Own.NOTHING, "verify", "POST /packs/scan")
    yield from rows_of(
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
    yield from rows_of(
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
    yield from rows_of(Own.NOTHING, ANY_KEY, "GET /work", is_page=True)


def _of_products() -> Iterator[AccessRule]:
    yield from rows_of(Own.PRODUCT, "verify", "GET /verify/extensions\nGET /verify/sensors")
    yield from rows_of(
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
    yield from rows_of(Own.PRODUCT, "recall", "POST /fmd/uploads/recall", approved="recall")
    yield from rows_of(Own.PRODUCT, "capture", "POST /fmd/uploads/product\nPOST /fmd/uploads/batch")
    yield from rows_of(Own.PRODUCT, "verify", "GET /fmd/lots/{code}/{lot:path}/repacks")


def _of_the_national_system() -> Iterator[AccessRule]:
    for interface in INTERFACES:
        scope = ANYONE if interface.has_own_logins else "verify"
        for route in interface.routes:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield AccessRule(method, route.path, scope, Own.PARTICIPANT)
    yield from rows_of(
        Own.PARTICIPANT,
        "verify",
        """
        GET /fmd/must-verify
        GET /fmd/snapshot
        GET /fmd/exemptions
        POST /fmd/intermarket
        """,
    )
    yield from rows_of(
        Own.ALERT,
        "verify",
        """
        GET /fmd/alerts
        GET /fmd/alerts/{alert_id}
        POST /fmd/alerts/{alert_id}/steps
        """,
    )
    yield from rows_of(
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
    yield from rows_of(Own.PRODUCT, "recall", "POST /recalls/preview")
    for act in ("", "/{recall_id}/approve", "/{recall_id}/close", "/{recall_id}/withdraw"):
        yield from rows_of(Own.PRODUCT, "recall", f"POST /recalls{act}", is_fresh=True)
    found, one = "/reach/{gtin}/{lot:path}", "/{recall_id}"
    followed = (f"{one}/packs", f"{one}/notices", f"{one}/checks", f"{one}/returns")
    for shown in ("", "/contacts", found, one, *followed):
        yield from rows_of(Own.OPERATOR, "query", f"GET /recalls{shown}")
    notice = "POST /recalls/notices/{notice_id}"
    for act in ("link", "answer", "check", "returns"):
        yield from rows_of(Own.OPERATOR, "recall", f"{notice}/{act}")
    yield from rows_of(Own.OPERATOR, "recall", f"POST /recalls{one}/checks")
    yield from rows_of(Own.OPERATOR, "recall", "PUT /recalls/contacts/{gln}")
    answer = "GET /answer/{token}\nPOST /answer/{token}"
    yield from rows_of(Own.NOTICE, ANYONE, answer, is_page=True)


def _of_requests() -> Iterator[AccessRule]:
    shown = "GET /requests/{request_id}\nGET /requests/{request_id}/answer"
    yield from rows_of(Own.OPERATOR, "query", shown)
    done = "POST /requests\nPOST /requests/{request_id}/end"
    yield from rows_of(Own.OPERATOR, "hold", done)


def _of_duties() -> Iterator[AccessRule]:
    yield from rows_of(
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
    yield from rows_of(Own.OPERATOR, "query", "GET /transactions/{number:path}")
    yield from rows_of(Own.OPERATOR, "query", "GET /transactions", is_page=True)
    yield from rows_of(Own.NOTHING, "capture", "POST /files/check\nPOST /files/correct")
    yield from rows_of(Own.OPERATOR, "hold", "POST /quarantine\nPOST /cases")
    release = "POST /quarantine/{number}/release"
    yield from rows_of(Own.OPERATOR, "hold", release, approved="release")
    further = "".join(f"POST /cases/{{case_id}}/{act}\n" for act in ("steps", "facts", "letter"))
    yield from rows_of(Own.OPERATOR, "hold", further)
    yield from rows_of(Own.OPERATOR, "act", "POST /receiving\nPOST /receiving/compare")
    yield from rows_of(
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
    yield from rows_of(Own.OPERATOR, "admin", "POST /holds/{hold_id}/release", approved="release")
    yield from rows_of(
        Own.ASKED,
        "export",
        """
        POST /exports
        GET /exports
        GET /exports/profiles
        GET /exports/{job_id}
        GET /exports/{job_id}/file
        DELETE /exports/{job_id}
        """,
    )


POLICY: dict[tuple[str, str], AccessRule] = {(one.method, one.path): one for one in _table()}
"""The table, by method and path as the route writes it."""
