"""`/labels`: draw a label, and check a printed one by scanning it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from compliance.service.pages import render
from verification.label import Code, LabelRefused, StorageSign, Symbology
from verification.label_formats import LabelFormat, differences

if TYPE_CHECKING:
    from fastapi.responses import Response

router = APIRouter(include_in_schema=False)


class LabelForm(BaseModel):
    """What stands on a label, and what was read from a printed one."""

    text: str = Field(default="", max_length=4_000)
    symbology: Symbology = Symbology.DATA_MATRIX
    signs: list[StorageSign] = Field(default_factory=list, max_length=len(StorageSign))
    scanned: str = Field(default="", max_length=4_000)


@router.get("/labels")
def labels(request: Request, form: Annotated[LabelForm, Query()]) -> Response:
    """The form, the label that it asks for, and how a printed one compares."""
    refused, code, wrong = "", None, []
    if form.text:
        try:
            code = Code.parse(form.text, form.symbology, tuple(form.signs))
            _ = code.modules  # whether a symbol holds it
            wrong = differences(form.text, form.scanned) if form.scanned else []
        except LabelRefused as problem:
            refused = "; ".join(f"{one.what}. {one.hint}" for one in problem.findings)
    page = render(
        "labels.html",
        request,
        form=form,
        code=None if refused else code,
        wrong=wrong,
        refused=refused,
        formats=[one.value for one in LabelFormat],
        symbologies=[one.value for one in Symbology],
        signs=list(StorageSign),
    )
    page.status_code = 422 if refused else 200
    return page
