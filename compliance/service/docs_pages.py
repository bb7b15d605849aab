"""`/docs`: the documentation of this version; `/reference/style`: every part of a page."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from markupsafe import Markup

from compliance.service.cards import Card
from compliance.service.navigation import every_icon
from compliance.service.pages import render
from compliance.service.scan_compared import ComparedValue
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_GROUPS = (
    ("", "Begin"),
    ("tutorials/", "Tutorials"),
    ("how-to/", "How to"),
    ("reference/", "Reference"),
    ("decisions/", "Decisions"),
)
"""Folders of the documentation, in the order of its list."""
_FILES = {".png": "image/png", ".svg": "image/svg+xml", ".xml": "text/xml", ".jsonld": "text/plain"}


class DocumentName(NamedTuple):
    """A document of the list."""

    path: str
    title: str


@router.get("/docs")
def docs_list(request: Request) -> Response:
    """Every document, by its kind."""
    groups = [(title, list(_in_folder(folder))) for folder, title in _GROUPS]
    return render("docs.html", request, groups=groups)


@router.get("/docs/{path:path}")
def docs_page(request: Request, path: str) -> Response:
    """One document as a page; pictures and example files as they are."""
    file = _file(path.removesuffix(".md") + ".md") or _file(path)
    if file is None:
        raise Problem(404, "No such document", f"the list at /docs has no '{path[:100]}'")
    if file.suffix in _FILES:
        return FileResponse(file, media_type=_FILES[file.suffix])
    return render("doc.html", request, title=_title(file), text=_as_page(file))


@router.get("/reference/style")
def style_page(request: Request) -> Response:
    """Every part that pages are made of, in every state."""
    return render("style.html", request, cards=_STYLE_CARDS, icons=every_icon())


def _folder() -> Path:
    """Where the documents are: beside this file in an installed package, else in the checkout."""
    installed = Path(__file__).parent / "docs"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "docs"


def _file(path: str) -> Path | None:
    """A document or example below the folder; None for anything else."""
    root = _folder().resolve()
    try:
        file = (root / path).resolve()
    except (OSError, ValueError):
        return None
    is_below = file.is_relative_to(root) and (file.suffix == ".md" or file.suffix in _FILES)
    return file if is_below and file.is_file() else None


@cache
def _in_folder(folder: str) -> tuple[DocumentName, ...]:
    found = sorted((_folder() / folder).glob("*.md"))
    return tuple(
        DocumentName(folder + file.stem, _title(file)) for file in found if file.stem != "README"
    )


def _title(file: Path) -> str:
    with file.open(encoding="utf-8") as lines:
        return next((line[2:].strip() for line in lines if line.startswith("# ")), file.stem)


@cache
def _as_page(file: Path) -> Markup:
    """The document as HTML; raw HTML in it is left out, headings can be linked to."""
    from markdown_it import MarkdownIt  # only who reads documents waits for it

    text = re.sub(r"<!--.*?-->\n?", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    html = re.sub(r"<h([2-4])>(.*?)</h\1>", _heading, html)
    html = re.sub(r"(?<=<)(table|pre)(?=>)", r'\1 tabindex="0"', html)
    return Markup(_shown_links(html, file))  # noqa: S704  # markdown-it escapes what is no markup


def _heading(found: re.Match[str]) -> str:
    words = re.sub(r"<[^>]+>", "", found[2]).lower()
    anchor = re.sub(r"[^\w -]", "", words).replace(" ", "-")
    return f'<h{found[1]} id="{anchor}">{found[2]}</h{found[1]}>'


def _shown_links(html: str, file: Path) -> str:
    """Links between documents lead to their pages; those to other files of the project to none."""
    root = _folder().resolve()

    def linked(found: re.Match[str]) -> str:
        address, _, anchor = found[2].partition("#")
        if "://" in address or address.startswith("/") or not address:
            return found[0]
        target = (file.parent / address).resolve()
        if not target.is_relative_to(root) or not target.exists():
            return f'{found[1]}="/docs"'
        path = "" if target.is_dir() else str(target.relative_to(root)).removesuffix(".md")
        fragment = f"#{anchor}" if anchor else ""
        return f'{found[1]}="/docs{"/" if path else ""}{path}{fragment}"'

    return re.sub(r'(href|src)="([^"]*)"', linked, html)


def _style_cards() -> Iterator[Card]:
    genuine = Card(
        word="OK",
        say="Genuine and sellable: check the seal, then supply it.",
        reason="genuine",
        gtin="09521321001015",
        serial="0795112158512",
        lot="CA2601",
        expiry="2028-06-30",
        product="Cardiolin 20 mg",
    )
    differs = (
        ComparedValue("Serial", Markup("0795112158512"), Markup("0795112158512"), differs=False),
        ComparedValue("Lot", Markup("CA2601"), Markup("CA260<mark>7</mark>"), differs=True),
    )
    yield genuine
    yield replace(
        genuine,
        word="STOP",
        say="Do not supply: the lot is not the one recorded for this serial number.",
        reason="lot-differs",
        compared=differs,
    )
    yield replace(genuine, word="CHECK", say="Sellable until 21 December: ask first.", reason="due")
    yield replace(
        genuine,
        word="UNKNOWN",
        say="Nobody answers for this product: keep it aside.",
        reason="none",
    )


_STYLE_CARDS = tuple(_style_cards())
