"""What every web page stands on: templates, who looks at it, and how moments are written.

Pages show what the same floors answer to programs; nothing is decided here.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape

from compliance.service.company_kinds import KIND_ROWS
from compliance.service.context import service_context_of
from compliance.service.navigation import FIRST_PLACES, places_of
from compliance.site import site_of
from epcis.database.transactions import StoreAway
from epcis.http_context import Caller
from epcis.routes.negotiation import weight_of
from verification.offline.offline_snapshot import SAYS

if TYPE_CHECKING:
    from fastapi import Request
    from jinja2.runtime import Context
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from compliance.site import SiteProfile
    from epcis.problem import Problem

PIECE_HEADER = "packtrail-piece"
"""Sent by our script where it wants a piece of a page, not a whole one."""
_NOBODY = Caller("", frozenset())

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _at(moment: datetime | str) -> datetime:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.astimezone(UTC)


def _minute(moment: datetime | str, zone: tzinfo = UTC) -> str:
    return _at(moment).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def _zone(context: Context) -> tzinfo:
    """The time zone of the site where a page knows it."""
    zone: tzinfo = context.get("zone", UTC)
    return zone


@pass_context
def _minute_here(context: Context, moment: datetime | str) -> str:
    return _minute(moment, _zone(context))


@pass_context
def _clock_here(context: Context, moment: datetime | str) -> str:
    return _at(moment).astimezone(_zone(context)).strftime("%H:%M")


def _day_in_words(day: str) -> str:
    """An ISO day that nobody reads in another order: `30 June 2028`."""
    at = datetime.fromisoformat(day)
    return f"{at.day} {at:%B %Y}"


def plural(count: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> plural(1, "pack"), plural(0, "pack"), plural(2, "company", "companies")
    ('1 pack', '0 packs', '2 companies')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


_TEMPLATES.filters["minute"] = _minute_here


def _place(key: str) -> str:
    """A place or party as people write it: the GLN, and after a dot the place in the site."""
    if not key.startswith("/414/"):
        return key
    gln, _, inside = key.removeprefix("/414/").partition("/254/")
    return f"{gln}.{unquote(inside)}" if inside else gln


_TEMPLATES.filters["place"] = _place
_TEMPLATES.filters["day"] = lambda moment: _minute(moment)[:10]
_TEMPLATES.filters["clock"] = _clock_here
_TEMPLATES.filters["in_words"] = _day_in_words
_TEMPLATES.filters["plural"] = plural
_TEMPLATES.globals["offline_says"] = SAYS


def render(template: str, request: Request, **values: Any) -> HTMLResponse:  # noqa: ANN401  # any
    """A page made of `template`, knowing who looks at it."""
    caller: Caller = getattr(request.state, "caller", _NOBODY)
    site = None if caller.is_anonymous else _site(request)
    left_out = KIND_ROWS[site.kind].leaves_out if site else frozenset[str]()
    known = {
        "caller": None if caller.is_anonymous else caller,
        "session": getattr(request.state, "session", None),
        "places": places_of(caller, left_out),
        "zone": site.zone if site else UTC,
        "first_places": FIRST_PLACES,
        "here": request.url.path,
        "may_jump": "query" in caller.scopes,
        "may_verify": "verify" in caller.scopes,
        "may_hold": "hold" in caller.scopes,
        "may_recall": "recall" in caller.scopes,
        "may_export": "export" in caller.scopes,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(known | values))


def _site(request: Request) -> SiteProfile | None:
    """The company that runs this; None before it is entered, and while the store is away."""
    try:
        with service_context_of(request).store.read() as snapshot:
            return site_of(snapshot)
    except StoreAway:
        return None  # a page that says so must not fail itself


def wants_page(accept: str) -> bool:
    """Whether whoever asks would rather have a page than JSON.

    >>> wants_page("text/html,application/xhtml+xml,*/*;q=0.8"), wants_page("*/*"), wants_page("")
    (True, False, False)
    >>> wants_page("text/html;q=0.4, application/json")
    False
    """
    if "text/html" not in accept.lower():
        return False
    programs = ("application/json", "application/problem+json", "application/ld+json")
    return weight_of(accept, "text/html") >= max(weight_of(accept, one) for one in programs)


def is_for_a_person(request: HTTPConnection) -> bool:
    """Whether a browser asks, which is shown a page, and not a program."""
    return wants_page(request.headers.get("accept", ""))


def way_back(path: str) -> str:
    """The address on this server to go on to; the first page for anything else.

    >>> way_back("/alerts?status=New"), way_back("//evil.example/x"), way_back("https://evil.example")
    ('/alerts?status=New', '/', '/')
    """
    is_ours = path.startswith("/") and path[1:2] not in ("/", "\\")
    is_plain = path.isprintable() and "\\" not in path and len(path) <= 2000
    leads_round = path.startswith(("/sign-in", "/sign-out", "/step-up", "/purpose", "/oidc"))
    return path if is_ours and is_plain and not leads_round else "/"


def issuer_of(request: Request) -> str | None:
    """The name of the identity provider where people sign in; None where there is none."""
    settings = service_context_of(request).settings
    return urlsplit(settings.oidc_issuer).hostname if settings.oidc_client_id else None


def sign_in_page(request: Request, say: str, status: int, way: str = "/") -> Response:
    """The page that asks to sign in, says why, and leads to `way` then."""
    shown = {"say": say, "way": way, "issuer": issuer_of(request)}
    # Nothing is offered around the form: whoever sees it is not yet let in.
    page = render("sign_in.html", request, places=(), may_verify=False, **shown)
    page.status_code = status
    return page


def explained(problem: Problem) -> str:
    """What is wrong and what to do about it, for a person who looks at a page.

    >>> from epcis.problem import Problem
    >>> explained(Problem(404, "Not found", "no such pack"))
    'no such pack'
    """
    if not problem.findings:
        return problem.detail
    return "; ".join(
        f"{one.where.path or 'text'} {one.what}" + (f": {one.hint}" if one.hint else "")
        for one in problem.findings
    )
