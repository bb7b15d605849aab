"""`/first-run`, `/first-task` and `/settings`: who runs this installation, asked and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from compliance.service.accounts import PASSWORD_CHARACTERS_MIN, AccountRefusedError
from compliance.service.company_kinds import KIND_ROWS
from compliance.service.context import service_context_of
from compliance.service.demo import PRACTICE, practice_shipment
from compliance.service.first_run import (
    FILE_WAYS,
    INBOX,
    FirstUser,
    need_first_run,
    set_up,
)
from compliance.service.pages import is_for_a_person, render
from compliance.service.sign_in_pages import opened
from compliance.site import SiteProfile, SiteRefusedError, profile_from, put_site, site_of
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem
from verification.label import write_png

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(include_in_schema=False)

_FIELDS_MAX = 20


@router.get("/first-run")
def first_run_form(request: Request) -> Response:
    """The three questions of an installation that belongs to nobody yet."""
    need_first_run(service_context_of(request))
    return _first_run_form(request, {}, "", 200)


@router.post("/first-run")
async def first_run_sent(request: Request) -> Response:
    """Set the installation up, sign its first user in, and lead to the first task."""
    return await run_in_threadpool(_set_up, request, await _form_values(request))


@router.get("/first-task")
def first_task(request: Request) -> Response:
    """What to do first in this kind of company, with a sample to try it on."""
    return _first_task(request, "")


@router.get("/first-task/label.png")
def practice_label() -> Response:
    """The label of a pack that exists nowhere, to scan from the screen."""
    return Response(write_png(PRACTICE), media_type="image/png")


@router.get("/first-task/shipment.jsonld")
def practice_file(request: Request) -> Response:
    """A shipment that exists nowhere, to read on the page of files."""
    headers = {"Content-Disposition": 'attachment; filename="practice-shipment.jsonld"'}
    body = practice_shipment(now_of(request))
    return Response(body, media_type="application/ld+json", headers=headers)


@router.get("/settings")
def settings_page(request: Request) -> Response:
    """Who runs this installation: a form for a person, JSON for a program."""
    with store_of(request).read() as snapshot:
        site = site_of(snapshot)
    if not is_for_a_person(request):
        return Response(_as_json(site), media_type="application/json")
    return _settings_form(request, _as_fields(site), "", 200)


@router.post("/settings")
async def settings_sent(request: Request) -> Response:
    """Change who runs this installation."""
    return await run_in_threadpool(_change, request, await _form_values(request))


async def _form_values(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=_FIELDS_MAX) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _set_up(request: Request, given: dict[str, str]) -> Response:
    context = service_context_of(request)
    need_first_run(context)
    try:
        context.first_run_code.need(given.get("code", ""))
        profile = _profile(given)
        user = FirstUser(_user_name(given.get("user", "")), given.get("password", ""))
        grant, key = set_up(context, profile, user, now_of(request))
    except (SiteRefusedError, AccountRefusedError) as refused:
        return _first_run_form(request, given, str(refused), 422)
    except Problem as refused:
        if refused.status == 404:
            raise
        return _first_run_form(request, given, refused.detail, refused.status)
    context.begin_again()
    if key:
        request.state.caller = grant.caller(caller_of(request).client)
        return opened(request, grant, _first_task(request, key))
    return opened(request, grant, RedirectResponse("/first-task", status_code=303))


def _change(request: Request, given: dict[str, str]) -> Response:
    try:
        profile = _profile(given)
    except SiteRefusedError as refused:
        return _settings_form(request, given, str(refused), 422)
    with store_of(request).write(now_of(request)) as tx:
        put_site(tx, profile, by=caller_of(request).name)
    service_context_of(request).begin_again()
    return RedirectResponse("/settings?changed=yes", status_code=303)


def _profile(given: Mapping[str, str]) -> SiteProfile:
    known = SiteProfile.__struct_fields__
    return profile_from({name: value for name, value in given.items() if name in known})


def _user_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise AccountRefusedError("your name has 1 to 100 characters")
    return name


def _as_fields(site: SiteProfile | None) -> dict[str, str]:
    if site is None:
        return {}
    return {name: str(getattr(site, name)) for name in SiteProfile.__struct_fields__}


def _as_json(site: SiteProfile | None) -> bytes:
    import msgspec

    return msgspec.json.encode(site)


def _choices() -> dict[str, object]:
    return {
        "kinds": KIND_ROWS,
        "ways": FILE_WAYS,
        "zones": sorted(available_timezones()),
    }


def _first_run_form(
    request: Request, given: Mapping[str, str], refused: str, status: int
) -> Response:
    page = render(
        "first_run.html",
        request,
        **_choices(),
        given=given,
        refused=refused,
        needs_code=bool(service_context_of(request).first_run_code.text),
        password_min=PASSWORD_CHARACTERS_MIN,
        places=(),
        may_verify=False,
        may_jump=False,
    )
    page.status_code = status
    return page


def _settings_form(
    request: Request, given: Mapping[str, str], refused: str, status: int
) -> Response:
    is_changed = "changed" in request.query_params
    shown = {"given": given, "refused": refused, "is_changed": is_changed}
    page = render("settings.html", request, **_choices(), **shown)
    page.status_code = status
    return page


def _first_task(request: Request, key: str) -> Response:
    with store_of(request).read() as snapshot:
        site = site_of(snapshot)
    if site is None:
        raise Problem(404, "No company", "an administrator says at /settings who runs this")
    return render(
        "first_task.html",
        request,
        site=site,
        kind=KIND_ROWS[site.kind],
        key=key,
        folder=service_context_of(request).settings.exchange_folder / INBOX / "in",
        sample=PRACTICE,
        modes=[],
    )
