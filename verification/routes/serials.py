"""`/serials/pools` and `/serials/grants`: numbers for lines, and what became of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.routes.national_common import body_of
from verification.serials.formats import MEDIA_TYPES, GrantFormat, write_grant
from verification.serials.grant import (
    COUNT_MAX,
    TEXT_CHARS_MAX,
    GrantWanted,
    grant_serials,
    list_grants,
    need_grant,
)
from verification.serials.imported import import_serials, read_numbers
from verification.serials.pool import (
    REASON_CHARS_MAX,
    PoolKind,
    PoolWanted,
    close_pool,
    list_pools,
    need_pool,
    open_pool,
)
from verification.serials.report import REPORTED_MAX, LineReport, report_serials, standings
from verification.serials.template import PLACES_MAX, SerialsRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

router = APIRouter(prefix="/serials", tags=["serials"])

Line = Annotated[Caller, Depends(needs("capture"))]
STANDINGS_MAX = 100
"""Numbers in one question about how they stand."""


class _CamelCase(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class PoolBody(_CamelCase):
    """A pool to be opened."""

    code: str = Field(max_length=14, description="GTIN, or the first digits of SSCCs")
    kind: PoolKind = PoolKind.RANDOM
    sscc: bool = False
    template: str = Field(default="#" * 12, max_length=20, description="# is a changing place")
    alphabet: str = Field(default="0123456789", max_length=64)
    first: int = Field(default=0, ge=0, le=PLACES_MAX)
    capacity: int | None = Field(default=None, ge=1, le=PLACES_MAX)
    refill_at: int | None = Field(default=None, ge=0, le=PLACES_MAX)
    guessable_because: str = Field(default="", max_length=REASON_CHARS_MAX)


class GrantBody(_CamelCase):
    """Numbers that a line asks for."""

    source: str = Field(max_length=40, description="pool, GTIN, or first digits of SSCCs")
    count: int = Field(ge=1, le=COUNT_MAX)
    request_id: str = Field(min_length=1, max_length=TEXT_CHARS_MAX)
    line: str = Field(default="", max_length=TEXT_CHARS_MAX)


class ReportBody(_CamelCase):
    """What a line reports about a grant."""

    printed: int | None = Field(default=None, ge=0, le=COUNT_MAX)
    void: list[str] = Field(default_factory=list, max_length=REPORTED_MAX)
    return_rest: bool = False
    reason: str = Field(default="", max_length=REASON_CHARS_MAX)


@router.get("/pools")
def pools(request: Request, caller: Line) -> list[dict[str, object]]:  # noqa: ARG001  # who may
    """All pools, what is left of each, and which ask for more."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in list_pools(snapshot)]


@router.post("/pools", status_code=201)
def pool_open(request: Request, caller: Line, body: PoolBody) -> dict[str, object]:
    """Open a pool of serial numbers."""
    fields = body.model_dump(exclude={"sscc"})
    wanted = PoolWanted(is_sscc=body.sscc, **fields)
    with _refusing("Pool refused"), store_of(request).write(now_of(request)) as tx:
        return open_pool(tx, wanted, by=caller.name).as_dict()


@router.post("/pools/{pool_id}/close")
def pool_close(request: Request, caller: Line, pool_id: str) -> dict[str, object]:  # noqa: ARG001  # who may
    """Grant nothing of a pool any more."""
    with _refusing("Pool refused"), store_of(request).write(now_of(request)) as tx:
        return close_pool(tx, pool_id).as_dict()


@router.post("/pools/{pool_id}/numbers")
async def pool_import(request: Request, caller: Line, pool_id: str) -> dict[str, object]:  # noqa: ARG001  # who may
    """Add numbers that others made: one a line, bare or as a GS1 text."""
    body = await body_of(request, verification_settings_of(request).bulk_bytes_max)

    def add() -> dict[str, object]:
        with _refusing("List refused"), store_of(request).write(now_of(request)) as tx:
            pool = need_pool(tx, pool_id)
            numbers = read_numbers(body.decode("utf-8-sig", "replace").split("\n"), pool)
            return import_serials(tx, pool_id, numbers).as_dict()

    return await run_in_threadpool(add)


@router.get("/grants")
def grants(
    request: Request,
    caller: Line,  # noqa: ARG001  # who may
    pool: Annotated[str, Query(max_length=24)] = "",
) -> list[dict[str, object]]:
    """Grants without their numbers, the newest first."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in list_grants(snapshot, pool)]


@router.post("/grants", status_code=201)
def grant(
    request: Request,
    caller: Line,
    body: GrantBody,
    form: Annotated[GrantFormat | None, Query(alias="format")] = None,
) -> StreamingResponse:
    """Grant numbers; the same request id gets the same numbers again."""
    wanted = GrantWanted(**body.model_dump())
    with _refusing("Grant refused", 409), store_of(request).write(now_of(request)) as tx:
        made = grant_serials(tx, wanted, by=caller.name)
        warning = need_pool(tx, made.pool).warning
    headers = {"Location": f"/serials/grants/{made.id}"}
    if warning:
        headers["Warning"] = f'299 - "{warning}"'
    media = form or _accepted(request)
    written = write_grant(store_of(request), made, media)
    return StreamingResponse(written, 201, headers, MEDIA_TYPES[media])


@router.get("/grants/{grant_id}")
def grant_numbers(
    request: Request,
    caller: Line,  # noqa: ARG001  # who may
    grant_id: str,
    form: Annotated[GrantFormat | None, Query(alias="format")] = None,
) -> StreamingResponse:
    """The numbers of a grant once more."""
    with _refusing("Not found", 404), store_of(request).read() as snapshot:
        found = need_grant(snapshot, grant_id)
    media = form or _accepted(request)
    return StreamingResponse(
        write_grant(store_of(request), found, media), media_type=MEDIA_TYPES[media]
    )


@router.post("/grants/{grant_id}/report")
def report(request: Request, caller: Line, grant_id: str, body: ReportBody) -> dict[str, object]:
    """Say how many numbers are printed, which are void, and that the rest comes back."""
    line_report = LineReport(
        printed=body.printed,
        void=tuple(body.void),
        return_rest=body.return_rest,
        reason=body.reason,
    )
    with _refusing("Report refused", 409), store_of(request).write(now_of(request)) as tx:
        return report_serials(tx, grant_id, line_report, by=caller.name).as_dict()


@router.get("/standing")
def standing(
    request: Request,
    caller: Line,  # noqa: ARG001  # who may
    code: Annotated[str, Query(max_length=14)],
    serial: Annotated[list[str], Query(max_length=STANDINGS_MAX)],
) -> list[dict[str, object]]:
    """How numbers of our pools stand; numbers of no pool are left out."""
    with _refusing("Not found", 404), store_of(request).read() as snapshot:
        found = standings(snapshot, code, serial)
    return [
        {
            "serial": one.serial,
            "state": one.state.value,
            "pool": one.pool,
            "grant": one.grant,
            "line": one.line,
            "mayBeCommissioned": one.may_be_commissioned,
        }
        for one in found.values()
    ]


@contextmanager
def _refusing(title: str, status: int = 422) -> Iterator[None]:
    try:
        yield
    except SerialsRefused as refused:
        raise Problem(status, title, str(refused)) from None


def _accepted(request: Request) -> GrantFormat:
    """The form that the caller accepts; JSON where it does not say."""
    accepts = request.headers.get("accept", "")
    named = {"text/csv": GrantFormat.CSV, "application/xml": GrantFormat.XML}
    return next((form for word, form in named.items() if word in accepts), GrantFormat.JSON)
