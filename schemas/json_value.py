"""JSON as Python holds it: what a decoder gives and what any encoder takes.

>>> value: JsonValue = {"eventList": [{"type": "ObjectEvent", "quantity": 2}], "id": None}
>>> members_of(value)["id"], members_of([])
(None, {})
"""

from __future__ import annotations

from typing import TypeAlias

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"
JsonObject: TypeAlias = "dict[str, JsonValue]"


def members_of(value: JsonValue) -> JsonObject:
    """The members of an object; none where the value is something else."""
    return value if isinstance(value, dict) else {}


def entries_of(value: JsonValue) -> list[JsonValue]:
    """The entries of an array; none where the value is something else."""
    return value if isinstance(value, list) else []


def text_of(value: JsonValue) -> str | None:
    """A string, of no class of its own; None where the value is something else."""
    return str(value) if isinstance(value, str) else None
