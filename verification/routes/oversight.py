"""What an operator watches and puts right over HTTP: anomalies, and extended expiry dates."""

from __future__ import annotations

from datetime import datetime  # the framework reads the annotations at run time
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.alerts import watch
from verification.context import verification_settings_of
from verification.fmd import expiry_extension
from verification.fmd.expiry_extension import ExtensionRefusedError
from verification.registry.rights import company_behind, need_product, owns_product

router = APIRouter(tags=["verification"])

Verifier = Annotated[Caller, Depends(needs("verify"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]
Admin = Annotated[Caller, Depends(needs("admin"))]


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of an anomaly."""

    comment: str


@router.get("/anomalies")
def anomaly_list(
    request: Request,
    since: Annotated[datetime, Query()],
    until: Annotated[datetime, Query()],
    only_open: Annotated[bool, Query()] = False,  # noqa: FBT002  # a query parameter
) -> object:  # JSON
    """What the history of questions gave away: copies, bursts, probing, packs that live on."""
    if since.tzinfo is None or until.tzinfo is None:
        raise Problem(400, "Range not valid", "name since and until with a time zone")
    with store_of(request).read() as snapshot:
        found = list(watch.anomalies(snapshot, since=since, until=until, only_open=only_open))
    return msgspec.to_builtins(found)


@router.post("/anomalies/{anomaly_id}/close")
async def anomaly_close(request: Request, caller: Admin, anomaly_id: str) -> object:  # JSON
    """Close an anomaly with what came of it."""
    try:
        closing = msgspec.json.decode(await request.body(), type=Closing)
        with store_of(request).write(now_of(request)) as tx:
            closed = watch.close(tx, anomaly_id, by=caller.name, comment=closing.comment)
    except watch.NotOpenError as fault:
        raise Problem(404, "No such anomaly", str(fault)) from None
    except (msgspec.DecodeError, ValueError) as fault:
        raise Problem(400, "Request not understood", str(fault)) from None
    return msgspec.to_builtins(closed)


@router.get("/verify/extensions")
def extension_list(request: Request, caller: Verifier) -> object:  # JSON
    """Lots of your products whose expiry was extended; to the operator all."""
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).read() as snapshot:
        company = company_behind(snapshot, caller)
        found = expiry_extension.extensions(snapshot)
        own = [one for one in found if owns_product(snapshot, company, one.gtin, overlay)]
    return msgspec.to_builtins(own)


@router.post("/verify/extensions")
async def extension_import(request: Request, caller: Recaller) -> dict[str, int]:
    """Extend the expiry of lots; all of them or none."""
    overlay = verification_settings_of(request).company_prefixes
    try:
        extensions = expiry_extension.extensions_of(await request.body())
        with store_of(request).write(now_of(request)) as tx:
            for gtin in {one.gtin for one in extensions}:
                need_product(tx, caller, gtin, overlay)
            return {"extensions": expiry_extension.extend(tx, extensions, by=caller.name)}
    except ExtensionRefusedError as fault:
        raise Problem(422, "Extensions refused", str(fault)) from None


@router.delete("/verify/extensions/{gtin}/{lot:path}")
def extension_end(request: Request, caller: Recaller, gtin: str, lot: str) -> dict[str, bool]:
    """Take back an extension that was put down in error."""
    overlay = verification_settings_of(request).company_prefixes
    with store_of(request).write(now_of(request)) as tx:
        need_product(tx, caller, gtin, overlay)
        found = expiry_extension.take_back(tx, gtin, lot)
    if not found:
        raise Problem(404, "No such extension", f"the expiry of {gtin} {lot} is not extended")
    return {"taken_back": True}
