"""Signing in by password or link, signing out, giving the password again, and one's sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from compliance.service import access
from compliance.service.accounts import grant_of_password
from compliance.service.context import service_context_of
from compliance.service.gate import SESSION_COOKIE
from compliance.service.navigation import first_page
from compliance.service.pages import issuer_of, render, sign_in_page, way_back
from compliance.service.sessions import (
    SessionLimits,
    end_sessions,
    open_session,
    prove_again,
    sessions,
)
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from starlette.responses import Response

    from compliance.service.access import Grant

router = APIRouter(include_in_schema=False)

NameField = Annotated[str, Form(max_length=100)]
PasswordField = Annotated[str, Form(max_length=256)]
WayField = Annotated[str, Form(max_length=2000)]


@router.get("/sign-in")
def sign_in_form(request: Request, way: str = "/") -> Response:
    """The form to sign in."""
    return sign_in_page(request, "", 200, way_back(way))


@router.post("/sign-in")
def sign_in(
    request: Request,
    name: NameField,
    password: PasswordField,
    way: WayField = "/",
) -> Response:
    """Open a session for a name and its password, and go on to where its user was."""
    way = way_back(way)
    try:
        grant = _grant(request, name, password)
    except Problem as refused:
        return sign_in_page(request, refused.detail, refused.status, way)
    if grant is None:
        return sign_in_page(request, "Name and password do not belong together.", 403, way)
    return opened(request, grant, _onward(grant, way))


@router.get("/sign-in/{token}")
def sign_in_by_link(token: str, request: Request) -> Response:
    """Use up a sign-in link."""
    now = now_of(request)
    with store_of(request).write(now) as tx:
        grant = access.grant_of_link(tx, token, now=now)
    if grant is None:
        return sign_in_page(request, "This link was used before or is too old.", 403)
    return opened(request, grant, _onward(grant, "/"))


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End this session."""
    session = request.state.session
    if session is not None:
        with store_of(request).write(now_of(request)) as tx:
            end_sessions(tx, session=session.id)
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


@router.get("/step-up")
def step_up_form(request: Request, way: str = "/") -> Response:
    """The form to give the password again."""
    return _step_up_page(request, "", way)


@router.post("/step-up")
def step_up(
    request: Request,
    password: PasswordField,
    way: WayField = "/",
) -> Response:
    """Let acts through that ask for the password again, for some minutes."""
    session = request.state.session
    if session is None:
        raise Problem(409, "No session", "only a browser that signed in is asked for this")
    if _grant(request, caller_of(request).name, password) is None:
        page = _step_up_page(request, "This is not the password.", way)
        page.status_code = 403
        return page
    with store_of(request).write(now_of(request)) as tx:
        prove_again(tx, session)
    return RedirectResponse(way_back(way), status_code=303)


@router.get("/sessions")
def session_list(request: Request) -> Response:
    """The open sessions: one's own; to an administrator all."""
    limits = _limits(request)
    with store_of(request).read() as snapshot:
        found = sessions(snapshot, now_of(request), limits, _whose(request))
    return render("sessions.html", request, sessions=found, this=request.state.session)


@router.post("/sessions/{session_id}/end")
def session_end(request: Request, session_id: str) -> Response:
    """End a session of one's own; an administrator ends anybody's."""
    now, limits = now_of(request), _limits(request)
    with store_of(request).write(now) as tx:
        own = {one.id for one in sessions(tx, now, limits, _whose(request))}
        if session_id not in own:
            raise Problem(404, "No such session", "there is no open session of yours with this id")
        end_sessions(tx, session=session_id)
    return RedirectResponse("/sessions", status_code=303)


def _whose(request: Request) -> str | None:
    caller = caller_of(request)
    return None if "admin" in caller.scopes and caller.party is None else caller.name


def _limits(request: Request) -> SessionLimits:
    return SessionLimits.of(service_context_of(request).settings)


def _grant(request: Request, name: str, password: str) -> Grant | None:
    client = caller_of(request).client
    return grant_of_password(store_of(request), name, password, client, now_of(request))


def _onward(grant: Grant, way: str) -> Response:
    """To where somebody was, or to where their role begins."""
    place = first_page(grant.role) if way == "/" else way
    return RedirectResponse(place, status_code=303)


def _step_up_page(request: Request, say: str, way: str) -> Response:
    issuer = issuer_of(request)
    return render("step_up.html", request, say=say, way=way_back(way), issuer=issuer)


def opened(request: Request, grant: Grant, answer: Response) -> Response:
    """Open a session, whose cookie goes out with `answer`."""
    limits = _limits(request)
    with store_of(request).write(now_of(request)) as tx:
        token = open_session(tx, grant, caller_of(request).client, limits)
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(limits.whole.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=bool(request.state.client_uses_tls),
    )
    return answer
