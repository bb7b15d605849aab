"""The REST family of national systems: GET and PATCH on product and pack, bulk with polling.

Clients classify by HTTP status and by the presence of a warning or an alert id.
"""

from __future__ import annotations

from datetime import datetime  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qsl, unquote

import msgspec
from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from epcis.database.autocommit_read import autocommit_read
from epcis.http_context import caller_of, context_of, store_of
from epcis.problem import Problem
from verification.context import verification_context_of, verification_settings_of
from verification.decision.act import CustomerCategory, PackAct, PackRequest, Who
from verification.decision.words import PackState
from verification.fmd import bulk
from verification.messages.identity import (
    FieldError,
    printed_expiry,
    printed_text,
    product_code,
    scan_time,
)
from verification.registry.pack_tables import product
from verification.registry.participants import who_is
from verification.registry.rights import need_act
from verification.routes.asking import ask, stops_of
from verification.routes.national_common import NOT_REGISTERED, NationalInterface

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from verification.fmd.perform import OperationAnswer

PREFIX = "/fmd/product"
ENTRY_MODE = "emvs-data-entry-mode"
_OF_STATE = {
    one.target: one
    for one in PackAct
    if one not in (PackAct.VERIFY, PackAct.PARTIAL_SUPPLY, PackAct.CHECK_OUT)
}
_MALFORMED = {
    "lot": "61020006",
    "expiry": "61020007",
    "code": "61020008",
    "ppn": "61020008",
    "serial": "61020011",
    "mode-missing": "61020012",
    "mode": "61020013",
    "state": "61020001",
    "body": "61020000",
    "scanned": "61020014",
}


class _Change(msgspec.Struct, frozen=True):
    """The body of a PATCH."""

    state: object = None
    scanned: datetime | None = None
    """When it was scanned, where the line was down then (Art. 29)."""
    customer: CustomerCategory | None = None
    """Whom a wholesaler supplies (Art. 23)."""


class _BulkPack(msgspec.Struct, frozen=True):
    productCode: str  # noqa: N815  # the interface's name
    serialNumber: str  # noqa: N815  # the interface's name
    productCodeScheme: str = "gs1"  # noqa: N815  # the interface's name
    batchId: str | None = None  # noqa: N815  # the interface's name
    expiryDate: str | None = None  # noqa: N815  # the interface's name
    scanned: datetime | None = None
    """When it was scanned, where the line was down then (Art. 29)."""


class _BulkBody(msgspec.Struct, frozen=True):
    packs: list[_BulkPack]
    state: str | None = None


async def pack(request: Request) -> Response:
    """One pack: GET verifies, PATCH changes its state."""
    try:
        manual = _is_manual(request)
        wanted = await _wanted(request, manual=manual)
        who_of(request, [wanted])
    except FieldError as error:
        return _malformed(error)
    answer = await ask(request, wanted)
    return _response(answer.http, answer_json(answer) | _product(request, answer.code))


async def packs(request: Request) -> Response:
    """A bulk: 202 with the place where its results will be."""
    store, clock = store_of(request), context_of(request).clock
    settings = verification_settings_of(request)
    try:
        manual = _is_manual(request)
        wanted = _bulk_wanted(await request.body(), manual=manual)
    except FieldError as error:
        return _malformed(error)
    who = who_of(request, wanted)
    rules = settings.rule_pack
    try:
        with store.write(clock()) as tx:
            bulk_id = bulk.submit(tx, wanted, who, rules)
    except bulk.TooManyError as error:
        return _malformed(FieldError("body", str(error)))
    verification_context_of(request).work_off_bulk(bulk_id)
    return _bulk_state(request, bulk_id, 202)


async def packs_result(request: Request) -> Response:
    """The results of a bulk, 202 while it is worked off."""
    bulk_id = request.path_params["bulk"]
    store, clock = store_of(request), context_of(request).clock
    with store.read() as snapshot:
        state = bulk.progress(snapshot, bulk_id)
        if state is None or state.client != caller_of(request).name or state.expires < clock():
            return _response(404, {"operationCode": "41000001", "warning": "no such bulk"})
        if state.finished is not None:
            results = [_bulk_pack(answer) for answer in bulk.answers_of(snapshot, bulk_id)]
            return _response(200, {"operationCode": "11100000", "packs": results})
    verification_context_of(request).work_off_bulk(bulk_id)
    return _bulk_state(request, bulk_id, 202)


def _product(request: Request, code: str) -> dict[str, object]:
    """Name and national number of the product, where it was uploaded here."""
    with autocommit_read(store_of(request)) as snapshot:
        found = snapshot.connection.execute(select(product.c.details).where(product.c.code == code))
        details = found.scalar()
    if details is None:
        return {}
    names = msgspec.json.decode(details, type=_ProductNames)
    market = verification_settings_of(request).market
    numbers = [one.national_code for one in names.markets if market in ("", one.country)]
    described = {"productName": names.name, "nhrn": next(filter(None, numbers), "")}
    return {name: text for name, text in described.items() if text}


class _InMarket(msgspec.Struct):
    country: str = ""
    national_code: str = ""


class _ProductNames(msgspec.Struct):
    name: str = ""
    markets: tuple[_InMarket, ...] = ()


def answer_json(answer: OperationAnswer) -> dict[str, object]:
    """An answer in the words of the REST family."""
    sentence = f"{answer.say} {answer.cause_say}".strip()
    body: dict[str, object] = {
        "operationCode": answer.rest,
        "state": answer.state.value if answer.state else None,
        "batchState": _BATCH_STATE.get(answer.standing or "", "Active"),
        "isIntermarket": answer.intermarket,
        "verdict": answer.word.value,
        "colour": answer.colour,
        "reasons": [reason.value for reason in answer.reasons] or None,
        "warning" if answer.severity else "information": sentence,
    }
    if answer.alert:
        body["alertId"] = body["uprc"] = answer.alert
    return {name: value for name, value in body.items() if value is not None}


_BATCH_STATE = {"Recalled": "Recalled", "Withdrawn": "Withdrawn", "Expired": "Expired"}


def _bulk_pack(answer: OperationAnswer) -> dict[str, object]:
    pack_ = {"productCode": answer.code, "serialNumber": answer.serial, "batchId": answer.lot}
    return {"pack": pack_, "result": answer_json(answer)}


async def _wanted(request: Request, *, manual: bool) -> PackRequest:
    raw = cast("bytes", request.scope["raw_path"]).decode("ascii", "replace")
    segments = raw.removeprefix(PREFIX).split("/")
    if len(segments) != 5 or segments[3] != "pack":
        raise FieldError("code", "the path is /product/{gs1|ppn}/{code}/pack/{serial}")
    code = product_code(segments[1], unquote(segments[2]))
    query = _query(request.url.query)
    lot, expiry = query.get("batch"), query.get("expiry")
    operation, change = PackAct.VERIFY, _Change()
    if request.method == "PATCH":
        change = _change(await request.body())
        operation = _operation(change.state)
    return PackRequest(
        operation=operation,
        code=code,
        serial=printed_text("serial", unquote(segments[4])),
        lot=printed_text("lot", lot) if lot is not None else None,
        expiry=printed_expiry(expiry) if expiry is not None else None,
        manual=manual,
        scanned=scan_time(change.scanned),
        customer=change.customer,
    )


_FIELD_OF: Final = {"batch": "lot", "expiry": "expiry"}


def _query(text: str) -> dict[str, str]:
    """The parameters that are known here, each once; a plus sign is a plus sign."""
    pairs = parse_qsl(text.replace("+", "%2B"), keep_blank_values=True)
    known = [(name, value) for name, value in pairs if name in _FIELD_OF]
    given = dict(known)
    for name in given:
        if sum(one == name for one, _ in known) > 1:
            raise FieldError(_FIELD_OF[name], f"{name} is given twice")
    return given


def _bulk_wanted(body: bytes, *, manual: bool) -> list[PackRequest]:
    try:
        asked = msgspec.json.decode(body, type=_BulkBody)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FieldError("body", str(error)) from None
    operation = _operation(asked.state) if asked.state is not None else PackAct.VERIFY
    wanted = []
    for number, one in enumerate(asked.packs):
        try:
            wanted.append(_of_bulk(one, operation, manual=manual))
        except FieldError as error:
            raise FieldError(error.field, f"packs/{number}: {error}") from None
    return wanted


def _of_bulk(one: _BulkPack, operation: PackAct, *, manual: bool) -> PackRequest:
    return PackRequest(
        operation=operation,
        code=product_code(one.productCodeScheme, one.productCode),
        serial=printed_text("serial", one.serialNumber),
        lot=printed_text("lot", one.batchId) if one.batchId is not None else None,
        expiry=printed_expiry(one.expiryDate) if one.expiryDate is not None else None,
        manual=manual,
        is_bulk=True,
        scanned=scan_time(one.scanned),
    )


def _operation(state: object) -> PackAct:
    try:
        return _OF_STATE[PackState(cast("str", state))]
    except (KeyError, ValueError):
        known = ", ".join(sorted(one.value for one in _OF_STATE if one is not None))
        raise FieldError("state", f"the state is one of: {known}") from None


def _change(content: bytes) -> _Change:
    try:
        return msgspec.json.decode(content, type=_Change)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FieldError("body", str(error)) from None


def _is_manual(request: Request) -> bool:
    mode = request.headers.get(ENTRY_MODE)
    if mode is None:
        raise FieldError("mode-missing", f"the header {ENTRY_MODE} is missing")
    if mode not in ("manual", "non-manual"):
        raise FieldError("mode", f"{ENTRY_MODE} is manual or non-manual")
    return mode == "manual"


def who_of(request: Request, wanted: Iterable[PackRequest] = ()) -> Who:
    """The registered participant behind the request, who may ask for all that is wanted.

    Raises `Problem` 401 or 403 for others.
    """
    caller = caller_of(request)
    for act in {PackAct.VERIFY, *(one.operation for one in wanted)}:
        need_act(caller, act)
    stops = stops_of(request)
    who = who_is(stops, caller, verification_settings_of(request))
    if caller.name not in stops.participants:
        raise Problem(403, "Not registered", NOT_REGISTERED)
    return who


def _bulk_state(request: Request, bulk_id: str, status: int) -> Response:
    with store_of(request).read() as snapshot:
        state = bulk.progress(snapshot, bulk_id)
    assert state is not None, "it was submitted before"
    body = {
        "operationCode": "11100000",
        "eta": state.eta.isoformat(),
        "expires": state.expires.isoformat(),
    }
    return _response(status, body, {"location": f"{PREFIX}/packs/{bulk_id}"})


def _malformed(error: FieldError) -> Response:
    return _response(422, {"operationCode": _MALFORMED[error.field], "warning": str(error)})


def _response(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), status, headers=headers, media_type="application/json"
    )


INTERFACE = NationalInterface(
    name="rest",
    title="REST family",
    about="GET and PATCH on product and pack with an eight-digit code, bulk with polling.",
    path=PREFIX,
    acts=(
        (f"GET {PREFIX}/{{gs1|ppn}}/{{code}}/pack/{{serial}}", "verify"),
        *((f'PATCH … {{"state": "{act.target}"}}', act.value) for act in _OF_STATE.values()),
    ),
    code_of=lambda answer: answer.rest,
    routes=(
        Route(f"{PREFIX}/packs", packs, methods=["POST"]),
        Route(f"{PREFIX}/packs/{{bulk}}", packs_result, methods=["GET"]),
        Route(f"{PREFIX}/{{rest:path}}", pack, methods=["GET", "PATCH"]),
    ),
)
