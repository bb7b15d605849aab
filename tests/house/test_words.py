"""Docstrings, comments and pages use the words of the field, not everyday words as terms."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

import pytest
from source import FLOORS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

INSTEAD = {
    r"(?:un)?told": "recorded, answered, given, known",
    r"said": "written, answered, recorded",
    r"retold|retell(?:s|ing)?": "recomputed",
    r"hearsay": "partner view",
    r"(?:the|this|our|whose|a) house": "the operator",
    r"house's": "the operator's",
    r"fence[sd]?": "row security",
    r"lanes?": "workers",
    r"glance[sd]?": "a read without a transaction",
    r"tales?": "events",
    r"Who are you": "Authentication required",
    r"swift(?:ly)?": "fast",
}
"""What stands for a term where another word is the field's, and which."""
MANNERED = re.compile(rf"\b({'|'.join(INSTEAD)})\b(?!\()")
NAMED_FOR_NOTHING = re.compile(r"(?:^|_)(?:un)?(?:told|said)(?:_|$)", re.IGNORECASE)
"""A name that says only that somebody stated the value."""
QUOTED = re.compile(r"```.*?```|`[^`]*`|(?<=\])\([^)]*\)", re.DOTALL)
"""Code and targets of links, whose names `test_names` and the glossary look after."""
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
OF_THE_BUILDING = re.compile(r"map of the house|one house|rules of the house", re.IGNORECASE)
"""The picture of floors and rooms that CONTRIBUTING.md draws of the code itself."""


def _sentences(path: Path) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a module, with their lines."""
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            words = node.value.value
            if isinstance(words, str):
                yield from _beside_doctests(node.lineno, words)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _beside_doctests(first: int, words: str) -> Iterator[tuple[int, str]]:
    is_example = False
    for number, line in enumerate(words.splitlines(), first):
        is_example = bool(line.strip()) and (is_example or line.lstrip().startswith(">>>"))
        if not is_example:
            yield number, line


def _mannered(lines: Iterable[tuple[int, str]]) -> list[str]:
    return [
        f"{number}: {found[0]!r} in {line.strip()[:90]}"
        for number, line in lines
        if (found := MANNERED.search(OF_THE_BUILDING.sub("", QUOTED.sub("", line))))
    ]


@pytest.mark.parametrize("floor", FLOORS)
def test_the_code_is_explained_in_plain_words(floor: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{one}"
        for path in sorted((ROOT / floor).rglob("*.py"))
        if "versions" not in path.parts
        for one in _mannered(_sentences(path))
    ]
    assert not wrong, "\n".join([*wrong, f"write: {INSTEAD}"])


def _named(path: Path) -> Iterator[tuple[int, str]]:
    """The names that a module gives: of functions, classes, arguments, variables and fields."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


@pytest.mark.parametrize("floor", FLOORS)
def test_names_say_what_a_value_is(floor: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sorted((ROOT / floor).rglob("*.py"))
        for line, name in _named(path)
        if NAMED_FOR_NOTHING.search(name)
    ]
    assert not wrong, "\n".join([*wrong, "name what the value is: findings, fields, answer, row"])


def test_the_pages_are_written_in_plain_words() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{one}"
        for path in PAGES
        for one in _mannered(enumerate(QUOTED.sub(_blank, path.read_text()).splitlines(), 1))
    ]
    assert not wrong, "\n".join([*wrong, f"write: {INSTEAD}"])


def _blank(code: re.Match[str]) -> str:
    return "\n" * code[0].count("\n")
