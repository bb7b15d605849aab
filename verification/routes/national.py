"""The national system's other desks: uploads, recalls, alerts, participants, snapshots."""

from __future__ import annotations

from datetime import datetime  # the framework reads the annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from epcis.http_context import Caller, Problem, needs, now_of, store_of
from schemas.finding import Finding, Severity, Where
from verification.alerts import alert, guessing
from verification.alerts.alert import Status
from verification.decision.restrictions import current_restrictions
from verification.fmd import upload
from verification.fmd.login import RefusedError, end_login, set_login
from verification.fmd.operation import Who
from verification.offline import offline_snapshot
from verification.registry.pack_registry import IrreversibleError
from verification.registry.pack_tables import product
from verification.registry.participants import register, who_is
from verification.settings import settings_of

if TYPE_CHECKING:
    from epcis.ledger.store import Transaction

T = TypeVar("T")

router = APIRouter(prefix="/fmd", tags=["national system"])

Uploader = Annotated[Caller, Depends(needs("capture"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]
Verifier = Annotated[Caller, Depends(needs("verify"))]
Admin = Annotated[Caller, Depends(needs("admin"))]

LIST_DAYS_MAX = 31
"""Longest range that alerts are listed for."""


class Recall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recall of a lot, or with no lot the withdrawal of a product."""

    code: str
    reason: str
    lot: str | None = None
    markets: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The next step of an alert."""

    status: Status
    reason: str = ""
    comment: str = ""


@router.post("/uploads/product")
async def product_upload(request: Request, caller: Uploader) -> dict[str, Any]:
    """Upload a product's master data; a new version each time."""
    wanted = await _body(request, upload.Product)
    with store_of(request).write(now_of(request)) as tx:
        return _receipt(upload.upload_product(tx, wanted, _who(tx, request, caller)))


@router.post("/uploads/batch")
async def batch_upload(request: Request, caller: Uploader) -> dict[str, Any]:
    """Upload a lot with its serial numbers, before its release."""
    wanted = await _body(request, upload.Batch)
    rules = settings_of(request.app.state).rule_pack
    with store_of(request).write(now_of(request)) as tx:
        who = _who(tx, request, caller)
        return _receipt(upload.upload_batch(tx, wanted, who, rules))


@router.post("/uploads/recall")
async def recall_upload(request: Request, caller: Recaller) -> dict[str, Any]:
    """Recall a lot, or withdraw a product, in markets; final."""
    wanted = await _body(request, Recall)
    try:
        with store_of(request).write(now_of(request)) as tx:
            who = _who(tx, request, caller)
            more = {"markets": wanted.markets, "reason": wanted.reason, "who": who}
            if wanted.lot is None:
                upload.withdraw_product(tx, wanted.code, **more)  # type: ignore[arg-type]  # a mapping
            else:
                upload.recall_batch(tx, wanted.code, wanted.lot, **more)  # type: ignore[arg-type]  # a mapping
    except IrreversibleError as error:
        raise Problem(409, "Cannot be taken back", str(error)) from None
    return {"accepted": True}


@router.get("/alerts")
def alert_list(
    request: Request,
    caller: Verifier,
    since: Annotated[datetime, Query()],
    until: Annotated[datetime, Query()],
    status: Status | None = None,
) -> list[dict[str, object]]:
    """Alerts of a range of at most a month; a client sees its own, the administrator all."""
    if since.tzinfo is None or until.tzinfo is None or not 0 <= (until - since).days <= 31:
        raise Problem(400, "Range not valid", f"name a range of at most {LIST_DAYS_MAX} days, UTC")
    mine = None if "admin" in caller.scopes else caller.name
    with store_of(request).read() as snapshot:
        found = alert.alerts(snapshot, since=since, until=until, client=mine, status=status)
        return [one.as_dict() for one in found]


@router.get("/alerts/{alert_id}")
def alert_one(request: Request, caller: Verifier, alert_id: str) -> dict[str, object]:
    """One alert, to whoever knows its id; its steps to the administrator."""
    with store_of(request).read() as snapshot:
        found = alert.alert_of(snapshot, alert_id)
        if found is None:
            raise Problem(404, "No such alert", f"there is no alert {alert_id[:40]}")
        steps = alert.steps_of(snapshot, alert_id) if "admin" in caller.scopes else []
        return {**found.as_dict(), "steps": steps}


@router.post("/alerts/{alert_id}/steps")
async def alert_step(request: Request, caller: Admin, alert_id: str) -> dict[str, object]:
    """Take an alert to its next status."""
    step = await _body(request, Step)
    try:
        with store_of(request).write(now_of(request)) as tx:
            return alert.move(
                tx,
                alert_id,
                step.status,
                by=caller.name,
                reason=step.reason,
                comment=step.comment,
            ).as_dict()
    except alert.NotPossibleError as error:
        raise Problem(409, "Not possible", str(error)) from None


@router.put("/participants/{client}")
async def participant(request: Request, caller: Admin, client: str) -> dict[str, Any]:
    """Put down the role, premises, licence and market of a client."""
    body = await _body(request, dict[str, Any])
    who = _converted({**body, "client": client}, Who)
    with store_of(request).write(now_of(request)) as tx:
        register(tx, who, by=caller.name)
    return dict(msgspec.to_builtins(who))


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A first password, and the client that the login stands for."""

    password: str
    client: str
    party: str | None = None


@router.put("/logins/{login}/{user}")
async def login_put(request: Request, caller: Admin, login: str, user: str) -> dict[str, Any]:
    """Give a user of the SOAP family a first password; it must be changed at first use (G445)."""
    body = await _body(request, Login)
    try:
        with store_of(request).write(now_of(request)) as tx:
            set_login(
                tx,
                login,
                user,
                body.password,
                client=body.client,
                party=body.party,
                by=caller.name,
            )
    except RefusedError as refused:
        raise Problem(422, "Login refused", refused.what) from None
    return {"login": login, "user": user, "client": body.client}


@router.delete("/logins/{login}/{user}")
def login_delete(request: Request, caller: Admin, login: str, user: str) -> dict[str, bool]:
    """End a login at once."""
    del caller
    with store_of(request).write(now_of(request)) as tx:
        if not end_login(tx, login, user):
            raise Problem(404, "No such login", f"there is no user {user[:40]} of {login[:40]}")
    return {"ended": True}


@router.post("/participants/{client}/step-up")
def step_up(request: Request, caller: Admin, client: str) -> dict[str, Any]:
    """Renew a client's budget of unknown serial numbers, after its identity was confirmed."""
    with store_of(request).write(now_of(request)) as tx:
        guessing.step_up(tx, client=client, by=caller.name)
    return {"client": client, "renewed": True}


@router.get("/must-verify")
def must_verify(
    request: Request, caller: Verifier, code: str, supplier: str, market: str
) -> dict[str, bool]:
    """Whether packs from a supplier must be verified on receipt (Art. 20(b))."""
    del caller
    with store_of(request).read() as snapshot:
        row = snapshot.connection.execute(
            product.select().with_only_columns(product.c.details).where(product.c.code == code)
        ).first()
    if row is None:
        return {"must_verify": True}
    details = msgspec.json.decode(row.details, type=upload.Product)
    return {"must_verify": upload.must_verify(details, supplier, market)}


def _who(tx: Transaction, request: Request, caller: Caller) -> Who:
    return who_is(current_restrictions(tx), caller, settings_of(request.app.state))


def _receipt(uploaded: upload.Uploaded) -> dict[str, Any]:
    """The receipt; `Problem` 422 with its findings where nothing was stored."""
    if uploaded.accepted:
        return dict(msgspec.to_builtins(uploaded))
    found = tuple(
        Finding(
            str(one["code"]),
            Severity(str(one["severity"])),
            str(one["what"]),
            str(one["hint"]),
            Where(path=one["where"].get("path")),  # type: ignore[attr-defined]  # JSON of a Finding
        )
        for one in uploaded.findings
    )
    what = "; ".join(one.what for one in found)
    raise Problem(422, "Upload refused", what, findings=found)


async def _body(request: Request, kind: type[T]) -> T:
    settings = settings_of(request.app.state)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > settings.bulk_bytes_max:
            raise Problem(413, "Too large", f"at most {settings.bulk_bytes_max} bytes")
        parts.append(part)
    try:
        return msgspec.json.decode(b"".join(parts), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "Request not understood", str(error)) from None


def _converted(value: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(400, "Request not understood", str(error)) from None


@router.get("/snapshot")
def snapshot(request: Request, caller: Verifier) -> Any:  # noqa: ANN401  # a response
    """The signed snapshot of stopped packs and lots, for tills without a line."""
    del caller
    return offline_snapshot.response(request)
