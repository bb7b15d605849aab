"""`/work`: a page for each kind of act in the warehouse; what it does is `POST /acts/{kind}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from compliance.acts import do_act
from compliance.service.pages import explained, render
from epcis.http_context import caller_of, now_of, store_of
from epcis.problem import Problem
from verification.acts.body import ActBody, act_request
from verification.acts.kinds import KINDS, OVERRIDE_SCOPE, RESULTS, ActKind
from verification.acts.perform import ActContext
from verification.acts.request import ActRefusal
from verification.context import verification_settings_of
from verification.decision.act import CustomerCategory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi.responses import Response

    from verification.acts.request import ActAnswer, ActPackAnswer

router = APIRouter(prefix="/work", tags=["acts"])

_OPENING = (ActKind.RECEIVE, ActKind.MOVE, ActKind.PICK, ActKind.SHIP, ActKind.PACK)
"""Acts on what may be taken out of its case without an unpacking of its own."""
SHOWN_MAX = 200
"""Answers on one page; those that are refused come first."""


class ActForm(BaseModel):
    """An act as the page sends it; what is not shown for a kind stays empty."""

    client_id: str = ""
    scans: str = ""
    """One scan a line."""
    parent: str = ""
    place: str = ""
    to: str = ""
    owner: str = ""
    order: str = ""
    """Several are separated by commas."""
    reason: str = ""
    result: str = ""
    lot: str = ""
    expiry: str = ""
    outputs: str = ""
    """One scan a line."""
    expect: str = ""
    override: str = ""
    confirmed: str = ""
    opened: str = ""
    customer: str = ""

    def body(self) -> ActBody:
        """The act as programs send it; raises `Problem` 422."""
        if self.expect.strip() and not (self.expect.isascii() and self.expect.strip().isdigit()):
            raise Problem(422, "Values not valid", "'how many' is no number: count again")
        return ActBody(
            client_id=self.client_id,
            scans=_lines(self.scans),
            parent=self.parent,
            place=self.place,
            to=self.to,
            owner=self.owner,
            order=[one.strip() for one in self.order.split(",") if one.strip()],
            reason=self.reason,
            result=self.result,
            lot=self.lot,
            expiry=self.expiry,
            outputs=_lines(self.outputs),
            expect=int(self.expect[:9]) if self.expect.strip() else None,
            override=self.override == "yes",
            confirmed=self.confirmed == "yes",
            is_opened=self.opened == "yes",
            customer=_customer(self.customer),
        )


def _customer(text: str) -> CustomerCategory | None:
    try:
        return CustomerCategory(text) if text else None
    except ValueError:
        what = f"customer: {text[:40]!r} is none of {', '.join(CustomerCategory)}"
        raise Problem(422, "Values not valid", what) from None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


@router.get("", include_in_schema=False)
def work(request: Request) -> Response:
    """The acts that whoever looks may do."""
    scopes = caller_of(request).scopes
    kinds = {kind.value: rule.say for kind, rule in KINDS.items() if rule.scope in scopes}
    return render("work.html", request, kinds=kinds)


def _form_page(kind: ActKind) -> Callable[[Request], Response]:
    def form_page(request: Request, place: str = "") -> Response:
        return _page(request, kind, ActForm(place=place[:60]))

    return form_page


def _doing_page(kind: ActKind) -> Callable[..., Awaitable[Response]]:
    async def doing_page(request: Request, form: Annotated[ActForm, Form()]) -> Response:
        now = now_of(request)
        try:
            asked = act_request(kind, form.body(), now)
            context = ActContext(caller_of(request), verification_settings_of(request))
            answer = await run_in_threadpool(do_act, store_of(request), asked, context, now)
        except Problem as problem:
            return _page(request, kind, form, wrong=explained(problem), status=problem.status)
        left = form.model_copy(
            update={"scans": "\n".join(_left(answer)), "override": "", "confirmed": ""}
        )
        return _page(request, kind, left, answer=answer, status=200 if answer.done else 409)

    return doing_page


def _left(answer: ActAnswer) -> list[str]:
    """The scans to go on with: those that nothing speaks against, or all where there are none."""
    if answer.done:
        return []
    fine = [one.scan for one in answer.packs if one.reason == ActRefusal.OTHERS_REFUSED.value]
    return fine or [one.scan for one in answer.packs]


def _page(
    request: Request,
    kind: ActKind,
    form: ActForm,
    *,
    answer: ActAnswer | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    rule = KINDS[kind]
    packs = sorted(answer.packs, key=_refused_first) if answer is not None else []
    page = render(
        "work_kind.html",
        request,
        kind=kind.value,
        rule=rule,
        form=form,
        client_id=f"page {uuid4()}",
        answer=answer,
        packs=packs[:SHOWN_MAX],
        more=max(len(packs) - SHOWN_MAX, 0),
        wrong=wrong,
        customers=[one.value for one in CustomerCategory] if kind is ActKind.SUPPLY else [],
        may_confirm=kind in (ActKind.SUPPLY, ActKind.EXPORT),
        may_be_opened=not rule.stays_inside and kind in _OPENING,
        results=list(RESULTS.get(kind, ())),
        may_override=rule.may_be_overridden and OVERRIDE_SCOPE in caller_of(request).scopes,
    )
    page.status_code = status
    return page


def _refused_first(one: ActPackAnswer) -> tuple[bool, bool]:
    return one.done, one.reason == ActRefusal.OTHERS_REFUSED.value


def _add(kind: ActKind) -> None:
    name = kind.value.replace("-", "_")
    path = f"/{kind.value}"
    router.get(path, name=f"work {name}", include_in_schema=False)(_form_page(kind))
    router.post(path, name=f"do {name}", include_in_schema=False)(_doing_page(kind))


for _kind in KINDS:
    _add(_kind)
