"""Findings about a row of the store: its table, its key, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

RESTORE = "Compare with the log and with a backup; capture the original documents into a new store."


def odd(table: str, key: object, what: str, hint: str = RESTORE) -> Finding:
    """The finding that a row contradicts the log or other rows.

    >>> odd("lot_state", ("00355555678908", "L1", ""), "has another state").where.path
    'lot_state/00355555678908,L1,'
    """
    name = written(key)
    return Finding(
        "store.row-differs",
        Severity.CRITICAL,
        f"{table} {name}: {what}",
        hint,
        Where(path=f"{table}/{name}"),
    )


def written(key: object) -> str:
    """A key as text; bytes in hexadecimal."""
    if isinstance(key, tuple | list):
        return ",".join(written(one) for one in key)
    if isinstance(key, bytes | memoryview):
        return bytes(key).hex()
    return "" if key is None else str(key).encode("utf-8", "backslashreplace").decode()


def differing(names: Sequence[str], stored: Sequence[object], proved: Sequence[object]) -> str:
    """The differing columns in words; empty where none differs.

    >>> differing(("a", "b"), (1, 2), (1, 3))
    'has another b'
    """
    wrong = [
        name
        for name, one, other in zip(names, stored, proved, strict=True)
        if type(one) is not type(other) or one != other
    ]
    return f"has another {', '.join(wrong)}" if wrong else ""


def to_nobody(what: str, count: int) -> None:
    """A progress callback that does nothing."""
