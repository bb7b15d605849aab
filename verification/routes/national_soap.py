"""The SOAP family of national systems: operations G110 to G196 on one address.

Element names are matched without their namespace, as clients of several versions ask; answers are
in the version the client asked in.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from fastapi.concurrency import run_in_threadpool
from lxml import etree
from starlette.responses import Response
from starlette.routing import Route

from epcis.http_context import caller_of, context_of, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_context_of, verification_settings_of
from verification.decision.act import CustomerCategory, PackAct, PackRequest
from verification.fmd import bulk
from verification.fmd.login import Credentials, NationalLogins, RefusedError, change_password
from verification.messages.identity import (
    FieldError,
    printed_expiry,
    printed_text,
    product_code,
    scan_time,
)
from verification.routes.asking import ask
from verification.routes.national_common import NationalInterface
from verification.routes.national_rest import who_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element
    from starlette.requests import Request

    from verification.fmd.perform import OperationAnswer

PATH = "/fmd/soap"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
SUB_USER_CHARACTERS_MAX = 100

_BY_TENS = {
    1: PackAct.VERIFY,
    2: PackAct.SUPPLY,
    3: PackAct.DESTROY,
    4: PackAct.EXPORT,
    5: PackAct.SAMPLE,
    6: PackAct.FREE_SAMPLE,
    7: PackAct.LOCK,
    8: PackAct.STOLEN,
}
_WITHOUT_UNDO = (PackAct.VERIFY, PackAct.DESTROY, PackAct.STOLEN)
_CODE_OF_FIELD = {
    "code": "NMVS_FE_GR_01",
    "ppn": "NMVS_FE_GR_02",
    "serial": "NMVS_FE_SN_01",
    "lot": "NMVS_FE_LOT_07",
    "expiry": "NMVS_FE_LOT_07",
    "body": "NMVS_TE_XM_02",
    "scanned": "NMVS_FE_REQ_02",
}
SUCCESS = "NMVS_SUCCESS"


class SoapAct(NamedTuple):
    """What a G code asks for."""

    operation: PackAct
    undo_of: PackAct | None
    is_bulk: bool


@dataclass(eq=False)
class FaultError(Exception):
    """A request that is answered with a return code only."""

    code: str
    what: str


def act_of(name: str) -> SoapAct | None:
    """The operation of a code such as `G120`; None where it is no pack operation.

    >>> act_of("G121")
    SoapAct(operation=<PackAct.UNDO: 'undo'>, undo_of=<PackAct.SUPPLY: 'supply'>, is_bulk=False)
    >>> act_of("G147").is_bulk, act_of("G131") is None
    (True, True)
    """
    if len(name) != 4 or not name.startswith("G1") or not name[2:].isdigit():
        return None
    operation, last = _BY_TENS.get(int(name[2])), int(name[3])
    if operation is None or last not in (0, 1, 5, 7):
        return None
    undo = last in (1, 7)
    if undo and operation in _WITHOUT_UNDO:
        return None
    return SoapAct(
        PackAct.UNDO if undo else operation,
        operation if undo else None,
        is_bulk=last in (5, 7),
    )


async def soap(request: Request) -> Response:
    """One SOAP request of any operation."""
    name, namespace, transaction = "Fault", "", ""
    try:
        message = _message(await request.body())
        tag = etree.QName(message)
        name, namespace = tag.localname.removesuffix("Request"), tag.namespace or ""
        transaction = _text(message, "ClientTrxId")
        body = await _answer(request, name, message)
    except (FaultError, RefusedError) as fault:
        body = _return_code(fault.code, fault.what)
    except Problem as problem:
        # The family knows no HTTP statuses: whoever may not, and whatever fails, gets a code.
        code = "NMVS_FE_AU_03" if problem.status in (401, 403) else "NMVS_ERROR"
        body = _return_code(code, problem.detail)
    return _envelope(name, namespace, transaction, body)


async def _answer(request: Request, name: str, message: _Element) -> list[_Element]:
    if name.endswith("Ping") or name == "Ping":
        return _return_code(SUCCESS, "")
    given = _credentials(message)
    await run_in_threadpool(_let_in, request, given, changing=name == "G445")
    if name == "G445":
        return await run_in_threadpool(_change_password, request, given, message)
    if name in ("G188", "G196"):
        return _fetch(request, message)
    if name == "G195":
        return _submit(request, list(_mixed(message)))
    tx = act_of(name)
    if tx is None:
        raise FaultError("NMVS_TE_REQ_02", f"there is no operation {name[:40]}")
    if tx.is_bulk:
        return _submit(request, list(_of_one_product(message, tx)))
    packs = list(_of_one_product(message, tx))
    if len(packs) != 1:
        raise FaultError("NMVS_TE_XM_02", "name one product and one pack")
    who_of(request)
    answer = await ask(request, packs[0])
    return [*_return_code(answer.soap, answer.say), *_pack(answer)]


def _credentials(message: _Element) -> Credentials | None:
    """The Auth block of the request's header, if there is one."""
    auth = _first(message, "Auth")
    if auth is None:
        return None
    login, user = _text(auth, "ClientLoginId"), _text(auth, "UserId")
    return Credentials(login, user, _text(auth, "Password"), _text(auth, "SubUserId"))


def _let_in(request: Request, given: Credentials | None, *, changing: bool) -> None:
    """Make the request's caller whom its Auth block names.

    A caller who is known already, by a key, needs none; a login that we know must be right.
    """
    store, anonymous = store_of(request), caller_of(request).is_anonymous
    door = _logins_of(request)
    if given is None:
        if anonymous or changing:
            raise RefusedError("NMVS_FE_AU_03", "the Auth block is missing")
        return
    with store.read() as snapshot:
        known = door.knows(snapshot, given.login)
    if not anonymous and not known and not changing:
        return
    entered = door.enter(store, now_of(request), given, changing=changing)
    address = request.client.host if request.client else ""
    request.scope["state"]["caller"] = replace(entered, client=address)


def _logins_of(request: Request) -> NationalLogins:
    return verification_context_of(request).national_logins


def _change_password(
    request: Request, given: Credentials | None, message: _Element
) -> list[_Element]:
    """G445: a new password for the user of the Auth block."""
    assert given is not None, "nobody changes a password without having shown the old one"
    with store_of(request).write(now_of(request)) as tx:
        change_password(tx, given, _text(message, "NewPassword"))
    return _return_code(SUCCESS, "the password is changed")


def _of_one_product(message: _Element, tx: SoapAct) -> Iterator[PackRequest]:
    """The packs of a request that names one product and one batch."""
    product = _first(message, "Product")
    if product is None:
        raise FaultError("NMVS_TE_XM_02", "the Product is missing")
    sent = _Sent(
        manual=_text(message, "ManualEntry").lower() in ("true", "1"),
        transaction=_text(message, "ClientTrxId") or None,
        sub_user=_text(message, "SubUserId"),
    )
    for pack in _all(message, "Pack"):
        yield _request(product, pack, tx, sent)


def _mixed(message: _Element) -> Iterator[PackRequest]:
    """The items of a mixed bulk, in order: each with its own operation, product, pack and id."""
    for item in message.iter("{*}Item", "{*}ItemUndo"):
        tx = act_of(item.get("reqType", "") or _text(item, "reqType"))
        product, pack = _first(item, "Product"), _first(item, "Pack")
        if tx is None or product is None or pack is None:
            raise FaultError("NMVS_TE_XM_02", "an item needs reqType, Product and Pack")
        sub_user = _text(message, "SubUserId")
        sent = _Sent(False, _text(item, "ClientTrxId") or None, sub_user)
        yield _request(product, pack, tx, sent)


class _Sent(NamedTuple):
    """What a request says of itself."""

    manual: bool
    transaction: str | None
    sub_user: str


def _request(product: _Element, pack: _Element, tx: SoapAct, sent: _Sent) -> PackRequest:
    code = _first(product, "ProductCode")
    lot = _text(product, "Id") if _first(product, "Batch") is not None else ""
    expiry = _text(product, "ExpDate")
    try:
        return PackRequest(
            operation=tx.operation,
            code=product_code(
                code.get("scheme", "GTIN") if code is not None else "GTIN",
                _own_text(code) if code is not None else "",
            ),
            serial=printed_text("serial", pack.get("sn", "")),
            lot=printed_text("lot", lot) if lot else None,
            expiry=printed_expiry(expiry) if expiry else None,
            undo_of=tx.undo_of,
            manual=sent.manual,
            is_bulk=tx.is_bulk,
            transaction=None if tx.is_bulk else sent.transaction,
            sub_user=sent.sub_user[:SUB_USER_CHARACTERS_MAX],
            scanned=_scanned(pack.get("scanned")),
            customer=_customer(pack.get("customer")),
        )
    except FieldError as error:
        raise FaultError(_CODE_OF_FIELD[error.field], str(error)) from None


def _scanned(text: str | None) -> datetime | None:
    """When a pack was scanned, where its element says so (Art. 29)."""
    try:
        return scan_time(datetime.fromisoformat(text) if text else None)
    except ValueError as error:
        raise FieldError("scanned", f"scanned: {error}") from None


def _customer(text: str | None) -> CustomerCategory | None:
    """Whom a wholesaler supplied, where the pack's element says so (Art. 23)."""
    try:
        return CustomerCategory(text) if text else None
    except ValueError:
        known = ", ".join(CustomerCategory)
        raise FieldError("body", f"the customer is one of: {known}") from None


def _submit(request: Request, wanted: list[PackRequest]) -> list[_Element]:
    if not wanted:
        raise FaultError("NMVS_TE_XM_02", "a bulk has one pack at least")
    store, clock = store_of(request), context_of(request).clock
    rules = verification_settings_of(request).rule_pack
    who = who_of(request, wanted)
    try:
        with store.write(clock()) as tx:
            bulk_id = bulk.submit(tx, wanted, who, rules)
    except bulk.TooManyError as error:
        raise FaultError("NMVS_TE_XM_02", str(error)) from None
    verification_context_of(request).work_off_bulk(bulk_id)
    return [*_return_code(SUCCESS, "accepted"), _element("RefNMVSTrxId", bulk_id)]


def _fetch(request: Request, message: _Element) -> list[_Element]:
    bulk_id = _text(message, "RefNMVSTrxId")
    store, clock = store_of(request), context_of(request).clock
    who = who_of(request)
    with store.read() as snapshot:
        state = bulk.progress(snapshot, bulk_id)
        if state is None or state.client != who.client or state.expires < clock():
            raise FaultError("NMVS_FE_TX_02", "there is no bulk with this transaction id")
        if state.finished is not None:
            results = _element("Packs")
            for answer in bulk.answers_of(snapshot, bulk_id):
                results.extend(_pack(answer))
            return [*_return_code(SUCCESS, ""), results]
    verification_context_of(request).work_off_bulk(bulk_id)
    raise FaultError("NMVS_WF_NC_01", f"{state.done} of {state.total} packs are done; ask again")


def _pack(answer: OperationAnswer) -> list[_Element]:
    pack = _element("Pack")
    pack.set("sn", answer.serial)
    pack.set("code", answer.code)
    pack.set("returnCode", answer.soap)
    pack.set("verdict", answer.word.value)
    pack.set("colour", answer.colour)
    if answer.state:
        pack.set("state", answer.state.value)
    pack.extend(_element("Reason", reason.value) for reason in answer.reasons)
    if answer.alert:
        pack.append(_element("UniqueAlertId", answer.alert))
    if answer.cause_say:
        pack.append(_element("Hint", answer.cause_say))
    return [pack]


def _message(content: bytes) -> _Element:
    """The first element of the SOAP body; entities and DTDs are refused."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,  # one inside a text would cut it in two
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FaultError("NMVS_TE_XM_01", f"not well-formed: {str(error)[:200]}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise FaultError("NMVS_TE_XM_01", "a document type is not allowed")
    body = _first(root, "Body") if etree.QName(root).localname == "Envelope" else None
    message = (
        next((child for child in body if isinstance(child.tag, str)), None)
        if (body is not None)
        else None
    )
    if message is None:
        raise FaultError("NMVS_TE_XM_02", "a SOAP envelope with one request is needed")
    return message


def _all(element: _Element, name: str) -> Iterator[_Element]:
    return (one for one in element.iter("{*}" + name, name) if isinstance(one.tag, str))


def _first(element: _Element, name: str) -> _Element | None:
    return next(_all(element, name), None)


def _text(element: _Element, name: str) -> str:
    found = _first(element, name)
    return _own_text(found) if found is not None else ""


def _own_text(element: _Element) -> str:
    return (element.text or "").strip()


def _element(name: str, text: str = "") -> _Element:
    element = etree.Element(name)
    element.text = text or None
    return element


def _return_code(code: str, say: str) -> list[_Element]:
    element = _element("ReturnCode")
    element.set("code", code)
    element.set("desc", say)
    return [element]


def _envelope(name: str, namespace: str, transaction: str, parts: list[_Element]) -> Response:
    tag = f"{{{namespace}}}{name}Response" if namespace else f"{name}Response"
    root = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    body = etree.SubElement(root, f"{{{SOAP}}}Body")
    answer = etree.SubElement(body, tag)
    header = etree.SubElement(answer, "Header")
    header_part = etree.SubElement(header, "Transaction")
    etree.SubElement(header_part, "ClientTrxId").text = transaction
    etree.SubElement(header_part, "NMVSTrxId").text = secrets.token_hex(16)
    etree.SubElement(answer, "Body").extend(parts)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Response(content, media_type="application/soap+xml")


def _acts() -> Iterator[tuple[str, str]]:
    """Every G code of one pack or of many, and the act it asks for."""
    for number in range(100, 200):
        act = act_of(f"G{number}")
        if act is not None:
            undone = f" of {act.undo_of.value}" if act.undo_of else ""
            yield f"G{number}", act.operation.value + undone + (", bulk" if act.is_bulk else "")


INTERFACE = NationalInterface(
    name="soap",
    title="SOAP family",
    about="Operations G110 to G196 on one address, with return codes NMVS_…",
    path=PATH,
    acts=(*_acts(), ("G195", "acts of a mixed bulk"), ("G188, G196", "fetch a bulk's results")),
    code_of=lambda answer: answer.soap,
    routes=(Route(PATH, soap, methods=["POST"]),),
    has_own_logins=True,
)
