"""Functions take few parameters, and say what they take and give."""

from __future__ import annotations

import ast

from source import Function, functions

PARAMETERS_MAX = 8
ANY_LINES_MAX = 295
"""What is left on the day this test was written, most of it rows of queries; it may only fall."""


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
