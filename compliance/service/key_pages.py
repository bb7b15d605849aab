"""`/keys`: the certificates this installation signs with, and a new sealing key by two persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse

from compliance.seal import SealRefused
from compliance.seal.checkpoint import log_key_change
from compliance.service.context import service_context_of
from compliance.service.pages import is_for_a_person, render
from epcis.http_context import caller_of, now_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from starlette.responses import Response

    from compliance.seal import Keys

router = APIRouter(tags=["access"])


@router.get("/keys", response_model=None)
def signing_keys(request: Request) -> Response:
    """Every certificate issued here, the root first; a page, or JSON for programs."""
    context = service_context_of(request)
    try:
        found = _listed(context.keys)
    except (SealRefused, OSError) as fault:
        raise _cannot(fault) from None
    if is_for_a_person(request):
        needs_two = "keys" in context.settings.two_person_acts
        return render("keys.html", request, keys=found, needs_two=needs_two)
    return JSONResponse(found)


@router.post("/keys/rotate", response_model=None)
def rotated(request: Request) -> Response:
    """Make a new sealing key; what older ones sealed stays valid. Stands in the log."""
    context = service_context_of(request)
    try:
        made = context.keys.rotate()
    except (SealRefused, OSError) as fault:
        raise _cannot(fault) from None
    by = caller_of(request).name
    log_key_change(context.store, "key-made", made, by=by, now=now_of(request))
    if is_for_a_person(request):
        return RedirectResponse("/keys", status_code=303)
    return JSONResponse(_shown(made, context.keys), status_code=201)


def _listed(keys: Keys) -> list[dict[str, object]]:
    return [_shown(one, keys) for one in keys.certificates()]


def _shown(certificate: Certificate, keys: Keys) -> dict[str, object]:
    """A certificate as `/keys` lists it."""
    revoked = keys.crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    return {
        "serial": f"{certificate.serial_number:x}",
        "name": certificate.subject.rfc4514_string(),
        "from": certificate.not_valid_before_utc.isoformat(),
        "until": certificate.not_valid_after_utc.isoformat(),
        "revoked": revoked is not None,
        "seals": revoked is None and certificate == keys.seal.certificate,
    }


def _cannot(fault: SealRefused | OSError) -> Problem:
    reason = fault.strerror if isinstance(fault, OSError) else str(fault)
    return Problem(503, "The keys cannot be used", f"{reason}; see packtrail doctor on the machine")
