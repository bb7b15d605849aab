r"""Where each value of a JSON text stands, to the byte: so that a mend changes nothing else.

Reading a text into objects and writing it again alters spaces, escapes and numbers. Here only the
places are kept, and a mend replaces bytes between two of them.

>>> from compliance.rules.spans import apply
>>> file = JsonFile.read(b'{"a": ["x", "y"], "b": {"c": "old"}}')
>>> [one] = file.find("c")
>>> one.text, apply(file.data, [set_text(one, "new")])
('old', b'{"a": ["x", "y"], "b": {"c": "new"}}')
>>> apply(file.data, [removal(file.root.child("a").children[0])])
b'{"a": ["y"], "b": {"c": "old"}}'
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compliance.rules.spans import FILE_BYTES_MAX, Edit, NotMendable

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]+')
DEPTH_MAX: Final = 200


@dataclass(slots=True, eq=False)
class JsonSpan:
    """One value: its name in the object around it, and its byte offsets."""

    key: str
    """Name of the member as written, with its prefix; empty in a list."""
    parent: JsonSpan | None
    start: int
    """Of the value."""
    data: bytes
    key_start: int = -1
    """Of its name; -1 in a list."""
    end: int = 0
    """Behind the value."""
    line: int = 0
    """The 1-based line on which it begins."""
    children: list[JsonSpan] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name without prefix or namespace."""
        return re.split(r"[:/#]", self.key)[-1]

    @property
    def prefix(self) -> str:
        """What stands before the name, without the colon."""
        return self.key[: -len(self.name)].rstrip(":/#") if self.name else ""

    @property
    def text(self) -> str:
        """The text of a string; for anything else as it is written."""
        raw = self.data[self.start : self.end]
        return str(json.loads(raw)) if raw.startswith(b'"') else raw.decode(errors="replace")

    @property
    def is_string(self) -> bool:
        """Whether it is a string."""
        return self.data[self.start : self.start + 1] == b'"'

    @property
    def is_object(self) -> bool:
        """Whether it is an object."""
        return self.data[self.start : self.start + 1] == b"{"

    @property
    def begin(self) -> int:
        """Where the member begins: at its name, if it has one."""
        return self.key_start if self.key_start >= 0 else self.start

    def child(self, name: str) -> JsonSpan | None:
        """The first member of this name, whatever its prefix."""
        return next((one for one in self.children if one.name == name), None)

    def find(self, *names: str) -> Iterator[JsonSpan]:
        """Members of these names inside, in document order, at any depth."""
        waiting = self.children[::-1]
        while waiting:
            one = waiting.pop()
            if one.key and one.name in names:
                yield one
            waiting.extend(one.children[::-1])

    def within(self, name: str) -> bool:
        """Whether some member around it has this name."""
        at = self.parent
        while at is not None and at.name != name:
            at = at.parent
        return at is not None


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A text and its values."""

    data: bytes
    root: JsonSpan

    @classmethod
    def read(cls, data: bytes) -> JsonFile:
        """Note where all values stand. Raises NotMendable."""
        if len(data) > FILE_BYTES_MAX:
            raise NotMendable(f"a file of more than {FILE_BYTES_MAX} bytes is not mended in place")
        try:
            json.loads(data)
        except (ValueError, RecursionError) as fault:
            raise NotMendable(f"the file is no JSON that can be read: {fault}") from None
        if not data.lstrip().startswith(b"{"):
            raise NotMendable("the file holds no JSON object")
        return cls(data, _root(data))

    def find(self, *names: str) -> Iterator[JsonSpan]:
        """Members of these names, in document order."""
        yield from self.root.find(*names)

    def events(self) -> Iterator[JsonSpan]:
        """The events."""
        for events in self.event_lists():
            yield from (one for one in events.children if one.is_object)

    def event_lists(self) -> Iterator[JsonSpan]:
        """The lists of events."""
        body = self.root.child("epcisBody")
        if body is not None:
            yield from (one for one in body.children if one.name == "eventList")

    def prefixes(self) -> dict[str, JsonSpan]:
        """Prefix -> the place where `@context` binds it to a namespace."""
        context = self.root.child("@context")
        found: dict[str, JsonSpan] = {}
        for holder in (context, *(context.children if context else ())):
            if holder is not None and holder.is_object:
                found.update({one.key: one for one in holder.children if one.is_string})
        return found

    def prefix_of(self, namespace: str) -> str | None:
        """A prefix that is bound to a namespace."""
        wanted = namespace.rstrip("/#:")
        bound = self.prefixes().items()
        return next((key for key, one in bound if one.text.rstrip("/#:") == wanted), None)


def _root(data: bytes) -> JsonSpan:
    """The tree of places of a text that is JSON."""
    root: JsonSpan | None = None
    around: list[JsonSpan] = []
    key, key_start = "", -1
    awaits_key = False
    line, counted_to = 1, 0
    for token in _TOKEN.finditer(data):
        sign = token.group()
        line += data.count(b"\n", counted_to, token.start())
        counted_to = token.start()
        if sign in (b"}", b"]"):
            around.pop().end = token.end()
            awaits_key = False
        elif sign == b",":
            awaits_key = around[-1].is_object
        elif sign == b":":
            pass
        elif awaits_key:
            key, key_start, awaits_key = str(json.loads(sign)), token.start(), False
        else:
            parent = around[-1] if around else None
            one = JsonSpan(key, parent, token.start(), data, key_start, token.end(), line)
            if parent is None:
                root = one
            else:
                parent.children.append(one)
            key, key_start = "", -1
            if sign in (b"{", b"["):
                if len(around) >= DEPTH_MAX:
                    raise NotMendable(f"values are nested more than {DEPTH_MAX} deep")
                around.append(one)
                awaits_key = sign == b"{"
    assert root is not None, "JSON holds a value"
    return root


def set_text(one: JsonSpan, text: str) -> Edit:
    """The edit that gives a value another text."""
    return Edit(one.start, one.end, json.dumps(text, ensure_ascii=False).encode())


def removal(one: JsonSpan) -> Edit:
    """The edit that takes a member or an element of a list out, with the comma beside it."""
    assert one.parent is not None, "the root stays"
    beside = one.parent.children
    at = beside.index(one)
    if at > 0:
        return Edit(beside[at - 1].end, one.end, b"")
    if len(beside) > 1:
        return Edit(one.begin, beside[1].begin, b"")
    return Edit(one.begin, one.end, b"")


def new_member(holder: JsonSpan, key: str, value: bytes) -> Edit:
    """The edit that puts a new last member into an object."""
    member = json.dumps(key, ensure_ascii=False).encode() + b": " + value
    if not holder.children:
        return Edit(holder.start + 1, holder.start + 1, member)
    last = holder.children[-1]
    space = holder.data[: last.begin]
    space = space[len(space.rstrip()) :]
    return Edit(last.end, last.end, b"," + (space or b" ") + member)
