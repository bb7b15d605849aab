"""`/label`: a label as PNG, SVG, PDF or ZPL, and whether what was printed reads as it should."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from epcis.http_context import Caller, needs
from epcis.problem import Problem
from verification.label import Code, LabelRefused, StorageSign, Symbology
from verification.label_formats import MEDIA_TYPES, LabelFormat, differences, write_label

router = APIRouter(prefix="/label", tags=["labels"])

Printer = Annotated[Caller, Depends(needs("verify"))]
TEXT_CHARS_MAX = 4_000


class LabelWanted(BaseModel):
    """What stands on a label, and how it is drawn."""

    text: str = Field(max_length=TEXT_CHARS_MAX, description="GS1 text, as (01)…(21)…(17)…(10)…")
    format: LabelFormat = LabelFormat.PNG
    symbology: Symbology = Symbology.DATA_MATRIX
    signs: list[StorageSign] = Field(default_factory=list, max_length=len(StorageSign))


class PrintedLabel(BaseModel):
    """What a label was to say, and what a scanner read from it."""

    text: str = Field(max_length=TEXT_CHARS_MAX)
    scanned: str = Field(max_length=TEXT_CHARS_MAX)


@router.get("")
def label(
    request: Request,  # noqa: ARG001  # as every route
    caller: Printer,  # noqa: ARG001  # who may
    wanted: Annotated[LabelWanted, Query()],
) -> Response:
    """The label for a GS1 text."""
    return _drawn(wanted)


@router.post("")
def label_of_body(
    request: Request,  # noqa: ARG001  # as every route
    caller: Printer,  # noqa: ARG001  # who may
    wanted: LabelWanted,
) -> Response:
    """As GET, for texts that are too long or too secret for an address."""
    return _drawn(wanted)


@router.post("/check")
def check(
    request: Request,  # noqa: ARG001  # as every route
    caller: Printer,  # noqa: ARG001  # who may
    printed: PrintedLabel,
) -> dict[str, object]:
    """Compare what a scanner read from a printed label with what it was to say."""
    try:
        found = differences(printed.text, printed.scanned)
    except LabelRefused as refused:
        raise _problem(refused) from None
    return {"same": not found, "differences": found}


def _drawn(wanted: LabelWanted) -> Response:
    try:
        code = Code.parse(wanted.text, wanted.symbology, tuple(wanted.signs))
        content = write_label(code, wanted.format)
    except LabelRefused as refused:
        raise _problem(refused) from None
    return Response(content, media_type=MEDIA_TYPES[wanted.format])


def _problem(refused: LabelRefused) -> Problem:
    first = refused.findings[0]
    what = f"{first.what}: {first.hint}"
    return Problem(422, "No such label", what, findings=refused.findings)
