"""Rows of the policy for what people look at in the browser, the warehouse and the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.service.access_rule import ANY_KEY, ANYONE, AccessRule, Own, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_the_warehouse() -> Iterator[AccessRule]:
    """Serial numbers, labels, orders and counts."""
    yield from rows_of(
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
    yield from rows_of(Own.NOTHING, "verify", "GET /label\nPOST /label\nPOST /label/check")
    yield from rows_of(Own.NOTHING, "verify", "GET /labels", is_page=True)
    yield from rows_of(
        Own.OPERATOR, "capture", "GET /serials\nPOST /serials/open\nPOST /serials/ask", is_page=True
    )
    orders = "GET /orders\nGET /orders/list\nPOST /orders/new\nPOST /orders/put-back/form"
    yield from rows_of(Own.OPERATOR, "act", orders, is_page=True)
    yield from rows_of(Own.OPERATOR, "act", "POST /orders\nPOST /orders/end\nPOST /orders/put-back")
    counts = "GET /counts\nGET /counts/missing\nGET /counts/{number}"
    counts += "\nPOST /counts/new\nPOST /counts/{number}/page"
    yield from rows_of(Own.OPERATOR, "act", counts, is_page=True)
    yield from rows_of(
        Own.OPERATOR,
        "act",
        """
        POST /counts
        POST /counts/{number}/scans
        POST /counts/{number}/finish
        POST /counts/{number}/recount
        POST /counts/{number}/cancel
        POST /counts/{number}/close
        """,
    )
    inspections = "GET /inspections\nGET /inspections/{number}\nPOST /inspections/{number}/page"
    yield from rows_of(Own.OPERATOR, "act", inspections, is_page=True)
    yield from rows_of(Own.OPERATOR, "act", "POST /inspections/{number}/results")
    decided = "POST /inspections\nPOST /inspections/{number}/release"
    decided += "\nPOST /inspections/{number}/reject"
    yield from rows_of(Own.OPERATOR, "hold", decided)
    forms = "POST /inspections/new\nPOST /inspections/{number}/decide"
    yield from rows_of(Own.OPERATOR, "hold", forms, is_page=True)
    line = "GET /line\nPOST /line/commission\nPOST /line/pack"
    yield from rows_of(Own.PLACE, "act", line, is_page=True)


def of_exchange() -> Iterator[AccessRule]:
    """Channels, and the messages in them."""
    yield from rows_of(
        Own.OPERATOR,
        "admin",
        """
        GET /channels
        GET /channels/connect
        POST /channels/connect
        POST /channels/connect/try
        GET /channels/{name}/connected
        GET /channels/new/{kind}
        POST /channels/new/{kind}
        POST /channels/board/test
        POST /channels/board/end
        POST /channels/board/certificate
        POST /channels/board/distrust
        GET /channels/{name}/certificates
        GET /channels/{name}/rules
        POST /channels/board/rule
        POST /channels/board/due
        GET /messages
        POST /messages/board/resend
        """,
        is_page=True,
    )
    yield from rows_of(
        Own.OPERATOR,
        "admin",
        """
        POST /channels
        POST /channels/{name}/end
        POST /channels/{name}/test
        POST /channels/{name}/certificates
        DELETE /channels/{name}/certificates/{sha256}
        PUT /channels/{name}/rules/{sends}
        DELETE /channels/{name}/rules/{sends}
        POST /channels/{name}/due/{number}
        GET /messages/{number}
        GET /messages/{number}/body
        GET /messages/{number}/receipt
        POST /messages/{number}/resend
        """,
    )
    yield from rows_of(Own.NOTHING, ANYONE, "POST /as2")
    yield from rows_of(Own.OPERATOR, "capture", "POST /messages")
    yield from rows_of(
        Own.ASKED,
        "capture",
        "POST /channels/{name}/messages\nGET /channels/{name}/messages/{number}",
    )


def of_pages() -> Iterator[AccessRule]:
    """Pages that belong to no interface of their own."""
    yield from rows_of(Own.PRODUCT, ANY_KEY, "GET /", is_page=True)
    yield from rows_of(Own.NOTHING, ANY_KEY, "GET /menu", is_page=True)
    yield from rows_of(Own.NOTHING, "query", "GET /jump", is_page=True)
    yield from rows_of(Own.ACT, "verify", "POST /scan-card\nGET /01/{link:path}", is_page=True)
    keys = ("00", "253", "414", "417", "8003", "8004")
    of_things = "\n".join(f"GET /{key}/{{link:path}}" for key in keys)
    yield from rows_of(Own.EVENTS, "query", of_things, is_page=True)
    yield from rows_of(Own.PRODUCT, "query", "GET /recalls/board", is_page=True)
    yield from rows_of(Own.OPERATOR, "query", "GET /recalls/board/follow", is_page=True)
    done = ("link", "checks", "check", "returns")
    follow = "\n".join(f"POST /recalls/board/{act}" for act in done)
    yield from rows_of(Own.OPERATOR, "recall", follow, is_page=True)
    yield from rows_of(Own.PRODUCT, "verify", "GET /sensors", is_page=True)
    setting = "POST /sensors\nPOST /sensors/{gtin}/end"
    yield from rows_of(Own.PRODUCT, "recall", setting, is_page=True)
    yield from _of_stock_and_returns()
    yield from rows_of(Own.OPERATOR, "capture", "GET /sheets\nPOST /sheets", is_page=True)
    yield from rows_of(Own.NOTHING, "verify", "POST /tables/excel")
    yield from rows_of(Own.OPERATOR, "capture", "GET /sheets/tables\nPOST /sheets/{table}")
    yield from rows_of(Own.OPERATOR, "query", "GET /sheets/{table}/file")
    yield from rows_of(Own.OPERATOR, "query", "GET /quarantine", is_page=True)
    yield from rows_of(Own.OPERATOR, "query", "GET /requests\nGET /requests/board", is_page=True)
    entered = "POST /requests/board\nPOST /requests/board/end"
    yield from rows_of(Own.OPERATOR, "hold", entered, is_page=True)
    yield from rows_of(Own.OPERATOR, "hold", "POST /quarantine/board", is_page=True)
    release = "POST /quarantine/board/release"
    yield from rows_of(Own.OPERATOR, "hold", release, is_page=True, approved="release")
    yield from rows_of(
        Own.PRODUCT,
        "recall",
        "POST /recalls/open\nPOST /recalls/board/{act}",
        is_page=True,
        is_fresh=True,
    )
    yield from rows_of(
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
    yield from rows_of(Own.EVENTS, "export", "POST /proof", is_page=True)
    yield from rows_of(Own.ASKED, "export", "GET /dossiers\nPOST /dossiers", is_page=True)
    yield from rows_of(
        Own.ALERT,
        "verify",
        "GET /alerts\nGET /alerts/{alert_id}\nPOST /alerts/{alert_id}",
        is_page=True,
    )
    yield from rows_of(Own.OPERATOR, "admin", "POST /alerts/anomalies/{anomaly_id}", is_page=True)
    yield from rows_of(Own.NOTHING, ANY_KEY, "GET /workstation", is_page=True)
    yield from rows_of(
        Own.NOTHING, "verify", "POST /workstation\nPOST /workstation/forget", is_page=True
    )


def _of_stock_and_returns() -> Iterator[AccessRule]:
    """What is here, what it says, and what comes in or back."""
    stock = "GET /stock\nGET /stock/items\nGET /stock/transit"
    yield from rows_of(Own.STOCK, "query", stock, is_page=True)
    yield from rows_of(Own.STOCK, "query", "GET /insight\nGET /insight/{kind}", is_page=True)
    delivery = "GET /receive\nPOST /receive\nPOST /receive/take-in"
    yield from rows_of(Own.OPERATOR, "act", delivery, is_page=True)
    yield from rows_of(Own.OPERATOR, "verify", "GET /returns", is_page=True)
    taken = "POST /returns\nPOST /returns/page/settled"
    yield from rows_of(Own.OPERATOR, "act", taken, is_page=True)
    yield from rows_of(Own.OPERATOR, "act", "POST /returns/packs\nPOST /returns/settled")
