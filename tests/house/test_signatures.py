"""Functions take few parameters, and say what they take and give."""

from __future__ import annotations

import ast

from source import ROOT, Function, functions

PARAMETERS_MAX = 8
ANY_LINES_MAX = 66
"""Lines that say `Any` today: libraries without types, and rows of any column; it may only fall."""


def _parameters(function: Function) -> list[ast.arg]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [one for one in every if one.arg not in ("self", "cls")]


def _annotations(function: Function) -> list[ast.expr]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    found = [one.annotation for one in every if one and one.annotation]
    return [*found, function.returns] if function.returns else found


def any_lines() -> list[str]:
    """Each line of a signature that says `Any`."""
    lines = {
        (path, node.lineno)
        for path, function in functions()
        for annotation in _annotations(function)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Name) and node.id == "Any"
    }
    return [f"{path}:{line}" for path, line in sorted(lines)]


def test_no_function_takes_more_parameters_than_a_reader_can_hold() -> None:
    many = [
        f"{path}:{function.lineno} {function.name} takes {taken}"
        for path, function in functions()
        if (taken := len(_parameters(function))) > PARAMETERS_MAX
    ]
    assert not many, "\n".join(many)


def test_no_further_signature_leaves_open_what_it_takes() -> None:
    """The bound is today's count, not an aim: whoever types some of them lowers it."""
    lines = any_lines()
    assert len(lines) <= ANY_LINES_MAX, "\n".join([str(len(lines)), *lines])


def _has_reason(place: str) -> bool:
    """Whether the line, or the comment above it, says why it cannot say more."""
    path, _, number = place.rpartition(":")
    lines = (ROOT / path).read_text().splitlines()
    at = int(number) - 1
    said = lines[at].partition("# ")[2].removeprefix("noqa: ANN401").strip(" #")
    return bool(said) or lines[at - 1].lstrip().startswith("# ")


def test_each_signature_that_leaves_it_open_says_why() -> None:
    silent = [place for place in any_lines() if not _has_reason(place)]
    assert not silent, "\n".join(silent)
