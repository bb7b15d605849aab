r"""The lines on which the parts of an XML header stand, for findings that name them by path.

>>> import io
>>> text = b"<a>\n<EPCISHeader>\n<b id='x'/></EPCISHeader></a>"
>>> lines_of_header(io.BytesIO(text), {"/a/EPCISHeader/b[@id='x']/c"})
{"/a/EPCISHeader/b[@id='x']/c": 3}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_STEP: Final = re.compile(r"/((?:[^/\[]|\[@id='[^']*'\])+)")


def lines_of_header(
    file: BinaryIO, wanted: Iterable[str], encoding: str | None = None
) -> dict[str, int]:
    """For each path the line of its element, or of the nearest element above it that is there.

    Paths name elements without prefixes, with `[@id='…']` where several share a name; the body
    of the document is not looked into.
    """
    paths = {path: tuple(_STEP.findall(path)) for path in wanted}
    needed = {steps[:end] for steps in paths.values() for end in range(1, len(steps) + 1)}
    found = dict(_found(file, needed, encoding))
    lines = {}
    for path, steps in paths.items():
        for end in range(len(steps), 0, -1):
            if steps[:end] in found:
                lines[path] = found[steps[:end]]
                break
    return lines


def _found(
    file: BinaryIO, needed: set[tuple[str, ...]], encoding: str | None
) -> Iterator[tuple[tuple[str, ...], int]]:
    reading = etree.iterparse(
        file,
        events=("start", "end"),
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    above: list[tuple[str, ...]] = [()]
    seen: set[tuple[str, ...]] = set()
    try:
        for moment, element in reading:
            if moment == "end":
                above.pop()
                continue
            name = str(element.tag).rpartition("}")[2]
            if name == "EPCISBody":
                return
            steps = _steps(above[-1], name, element.get("id"), needed)
            above.append(steps)
            if steps in needed and steps not in seen:
                seen.add(steps)
                yield steps, element.sourceline
    except etree.XMLSyntaxError:
        return


def _steps(
    above: tuple[str, ...], name: str, identifier: str | None, needed: set[tuple[str, ...]]
) -> tuple[str, ...]:
    exact = (*above, f"{name}[@id='{identifier}']")
    return exact if exact in needed else (*above, name)
