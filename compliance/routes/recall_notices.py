"""`/recalls/{id}/notices`: what holders were sent and answered; links, answers, contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from compliance.context import compliance_settings_of
from compliance.recall.answers import (
    EMAIL_CHARS_MAX,
    NAME_CHARS_MAX,
    NOTE_CHARS_MAX,
    PACKS_MAX,
    PHONE_CHARS_MAX,
    RecallAnswer,
    RecallContact,
    answers_of,
    contacts,
    find_notice,
    keep_answer,
    keep_contact,
    notices_of,
)
from compliance.recall.messages import hand_over, link_of
from compliance.recall.record import find_recall
from compliance.recall.scope import RecallRefused
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from compliance.recall.answers import RecallNotice

router = APIRouter(prefix="/recalls", tags=["recalls"])

MayRecall = Annotated[Caller, Depends(needs("recall"))]
PackCount = Annotated[int, Field(ge=0, le=PACKS_MAX)]


class AnswerWanted(BaseModel):
    """What a holder answers, as by telephone; packs."""

    by: str = Field(min_length=1, max_length=NAME_CHARS_MAX, description="who at the holder")
    received: PackCount
    found: PackCount
    quarantined: PackCount = 0
    returned: PackCount = 0
    destroyed: PackCount = 0
    note: str = Field(default="", max_length=NOTE_CHARS_MAX)


class ContactWanted(BaseModel):
    """Where the notices of a holder go."""

    email: str = Field(max_length=EMAIL_CHARS_MAX)
    phone: str = Field(default="", max_length=PHONE_CHARS_MAX)


@router.get("/contacts")
def list_contacts(request: Request) -> list[dict[str, str]]:
    """Where the notices of holders go, by GLN."""
    with store_of(request).read() as snapshot:
        return [one.as_dict() for one in contacts(snapshot)]


@router.put("/contacts/{gln}")
def put_contact(
    request: Request, caller: MayRecall, gln: str, body: ContactWanted
) -> dict[str, str]:
    """Enter where the notices of a holder go, in place of what was entered before."""
    try:
        contact = RecallContact.parse(gln, body.email, body.phone)
    except RecallRefused as refused:
        raise Problem(422, "No contact", str(refused)) from None
    with store_of(request).write(now_of(request)) as tx:
        keep_contact(tx, contact, by=caller.name)
    return contact.as_dict()


@router.get("/{recall_id}/notices")
def list_notices(request: Request, recall_id: str) -> list[dict[str, object]]:
    """The notices of a recall with all their answers, most packs first."""
    now = now_of(request)
    with store_of(request).read() as snapshot:
        if find_recall(snapshot, recall_id) is None:
            raise Problem(404, "Not found", f"there is no recall {recall_id}")
        return [
            one.as_dict(now)
            | {"answers": [answer.as_dict() for answer in answers_of(snapshot, one.id)]}
            for one in notices_of(snapshot, recall_id)
        ]


@router.post("/notices/{notice_id}/link", status_code=201)
def make_link(request: Request, caller: MayRecall, notice_id: str) -> dict[str, str]:
    """Make a link to answer a notice, to be given to the holder by a person; shown once."""
    _known(request, notice_id)
    try:
        with store_of(request).write(now_of(request)) as tx:
            token = hand_over(tx, notice_id, by=caller.name)
    except RecallRefused as refused:
        raise Problem(409, "No link", str(refused)) from None
    address = compliance_settings_of(request).public_address or str(request.base_url)
    return {"notice": notice_id, "link": link_of(address, token)}


@router.post("/notices/{notice_id}/answer", status_code=201)
def enter_answer(
    request: Request, caller: MayRecall, notice_id: str, body: AnswerWanted
) -> dict[str, object]:
    """Enter what a holder answered, as by telephone."""
    _known(request, notice_id)
    now = now_of(request)
    try:
        with store_of(request).write(now) as tx:
            answer = RecallAnswer(**body.model_dump())
            return keep_answer(tx, notice_id, answer, entered_by=caller.name).as_dict(now)
    except RecallRefused as refused:
        raise Problem(409, "Answer not kept", str(refused)) from None


def _known(request: Request, notice_id: str) -> RecallNotice:
    with store_of(request).read() as snapshot:
        found = find_notice(snapshot, notice_id)
    if found is None:
        raise Problem(404, "Not found", f"there is no notice {notice_id}")
    return found
