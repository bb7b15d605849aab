"""`/fmd/uploads/…`: what the owner of a product tells the national system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Depends, Request

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from schemas.finding import Finding, Severity, Where
from verification.context import verification_settings_of
from verification.fmd import stop_upload, upload
from verification.registry.pack_registry import IrreversibleError
from verification.registry.rights import participants_company
from verification.routes.national_common import body_as, participant_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.ledger.store import Transaction
    from verification.decision.act import Who
    from verification.fmd.upload import Uploaded

router = APIRouter(prefix="/fmd", tags=["national system"])

Uploader = Annotated[Caller, Depends(needs("capture"))]
Recaller = Annotated[Caller, Depends(needs("recall"))]
Verifier = Annotated[Caller, Depends(needs("verify"))]

_RIGHTS = ("upload.role", "upload.owner")
"""Findings that say that this client may not upload this at all."""


@router.post("/uploads/product")
async def product_upload(request: Request, caller: Uploader) -> dict[str, object]:
    """Upload a product's master data; a new version each time."""
    wanted = await body_as(request, upload.Product)
    return _uploaded(request, caller, lambda tx, who: upload.upload_product(tx, wanted, who))


@router.post("/uploads/batch")
async def batch_upload(request: Request, caller: Uploader) -> dict[str, object]:
    """Upload a lot with its serial numbers, before its release."""
    wanted = await body_as(request, upload.Batch)
    rules = verification_settings_of(request).rule_pack
    return _uploaded(request, caller, lambda tx, who: upload.upload_batch(tx, wanted, who, rules))


@router.post("/uploads/recall")
async def recall_upload(request: Request, caller: Recaller) -> dict[str, object]:
    """Recall a lot, or withdraw a product, in markets; final."""
    wanted = await body_as(request, stop_upload.StopUpload)
    return _uploaded(request, caller, lambda tx, who: stop_upload.stop(tx, wanted, who))


@router.post("/uploads/state")
async def state_upload(request: Request, caller: Recaller) -> dict[str, object]:
    """Give packs of one lot a state, as stolen or free sample; each pack stands for itself."""
    wanted = await body_as(request, stop_upload.StateUpload)
    rules = verification_settings_of(request).rule_pack
    return _uploaded(
        request, caller, lambda tx, who: stop_upload.change_states(tx, wanted, who, rules)
    )


@router.post("/exemptions")
async def exemption(request: Request, caller: Recaller) -> dict[str, object]:
    """Exempt a lot from safety features in markets; for its owner and the authority."""
    wanted = await body_as(request, stop_upload.Exemption)
    return _uploaded(request, caller, lambda tx, who: stop_upload.exempt(tx, wanted, who))


@router.get("/exemptions")
def exemption_list(request: Request, caller: Verifier) -> list[dict[str, str]]:
    """Lots that need no safety features, by product, lot and market."""
    with store_of(request).read() as snapshot:
        participant_of(snapshot, request, caller)
        return stop_upload.exemptions(snapshot)


@router.get("/lots/{code}/{lot:path}/repacks")
def repack_list(
    request: Request, caller: Verifier, code: str, lot: str
) -> list[dict[str, str | int]]:
    """The lots that were repacked from a lot of yours, and how many doses went into each."""
    with store_of(request).read() as snapshot:
        who = participant_of(snapshot, request, caller)
        held = upload.held_product(snapshot, code)
        if held is None or held.owner not in participants_company(who).names:
            raise Problem(404, "No such lot", "no lot of yours has this product code and name")
        found = upload.repacks_of(snapshot, code, lot)
    return [{"code": one, "lot": name, "doses": doses} for one, name, doses in found]


def _uploaded(
    request: Request, caller: Caller, act: Callable[[Transaction, Who], Uploaded]
) -> dict[str, object]:
    """Take an upload in; `Problem` 403, 409 or 422 with its findings where nothing was stored."""
    try:
        with store_of(request).write(now_of(request)) as tx:
            uploaded = act(tx, participant_of(tx, request, caller))
    except IrreversibleError as error:
        raise Problem(409, "Cannot be taken back", str(error)) from None
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
    status = 403 if any(one.code in _RIGHTS for one in found) else 422
    raise Problem(status, "Upload refused", what, findings=found)
