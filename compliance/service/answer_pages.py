"""The page on which a holder answers the notice of a recall: its link is enough, no account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from compliance.recall.answers import (
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    RecallAnswer,
    keep_answer,
    notice_of_link,
)
from compliance.recall.record import find_recall
from compliance.recall.scope import RecallRefused
from compliance.service.pages import render
from epcis.http_context import now_of, store_of

if TYPE_CHECKING:
    from fastapi.responses import Response

router = APIRouter(include_in_schema=False)

NumberText = Annotated[str, Field(max_length=12)]
NUMBERS = ("received", "found", "quarantined", "returned", "destroyed")


class AnswerForm(BaseModel):
    """What a person typed, as text: a slip is shown again beside what is wrong with it."""

    by: str = Field(default="", max_length=NAME_CHARS_MAX)
    received: NumberText = ""
    found: NumberText = ""
    quarantined: NumberText = ""
    returned: NumberText = ""
    destroyed: NumberText = ""
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)

    def answer(self) -> RecallAnswer:
        """The answer; raises RecallRefused."""
        return RecallAnswer(
            by=self.by,
            received=_number("received", self.received),
            found=_number("found", self.found),
            quarantined=_number("quarantined", self.quarantined),
            returned=_number("returned", self.returned),
            destroyed=_number("destroyed", self.destroyed),
            note=self.note,
        )


@router.get("/answer/{token}")
def answer_page(request: Request, token: str) -> Response:
    """What is recalled, how many packs the holder has, and the form to answer."""
    return _page(request, token, {})


@router.post("/answer/{token}")
def send_answer(request: Request, token: str, given: Annotated[AnswerForm, Form()]) -> Response:
    """Keep the answer; what cannot be right is shown again with what to do."""
    with store_of(request).read() as snapshot:
        notice = notice_of_link(snapshot, token)
    if notice is None:
        return _page(request, token, given.model_dump())
    try:
        answer = given.answer()
        with store_of(request).write(now_of(request)) as tx:
            keep_answer(tx, notice.id, answer)
    except RecallRefused as refused:
        return _page(request, token, given.model_dump(), say=str(refused), status=422)
    return _page(request, token, {}, is_done=True)


def _number(name: str, text: str) -> int:
    """A number of packs as it was typed; empty is none."""
    plain = text.strip() or "0"
    if not (plain.isascii() and plain.isdigit()):
        raise RecallRefused(f"{name}: '{text[:12]}' is no number of packs; write digits, as 12")
    return int(plain)


def _page(
    request: Request,
    token: str,
    given: dict[str, str],
    *,
    say: str = "",
    status: int = 200,
    is_done: bool = False,
) -> Response:
    with store_of(request).read() as snapshot:
        notice = notice_of_link(snapshot, token)
        about = find_recall(snapshot, notice.recall) if notice else None
    page = render(
        "recall_answer.html",
        request,
        token=token,
        notice=notice,
        about=about,
        given=given,
        numbers=NUMBERS,
        say=say,
        is_done=is_done,
        # Nothing is offered around the form: who answers has no account.
        places=(),
        may_verify=False,
    )
    page.status_code = status if notice else 404
    # The link is the key to the notice, so no other site gets it. Without any referrer the browser
    # would send the form as from a foreign page, which the gate refuses.
    page.headers["Referrer-Policy"] = "same-origin"
    page.headers["Cache-Control"] = "no-store"
    return page
