"""Draw docs/images/architecture.svg from the imports of the code: floors, rooms, four journeys.

    python scripts/draw_architecture.py [--check]

A room is a folder or a loose file directly inside a floor. Within a floor a room stands above the
rooms it imports. A journey is a list of rooms; each room after the first must be imported by one
before it, so that the picture cannot tell of a way that the code does not go. `--check` writes
nothing and ends with 1 where the picture is out of date.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

PICTURE = Path(__file__).resolve().parent.parent / "docs/images/architecture.svg"
FLOORS = ("compliance", "verification", "epcis", "schemas")
"""From the top; each imports from itself and from those below."""
SUBTITLES = {
    "compliance": "the duties, and the front desk",
    "verification": "the judgement on one pack",
    "epcis": "the memory",
    "schemas": "the words",
}
JOURNEYS = {
    "Capture a file": (
        "epcis.routes", "epcis.capture", "epcis.codec", "schemas.validate", "epcis.hash",
        "epcis.store", "epcis.ledger",
    ),
    "Scan a pack": (
        "compliance.service", "verification.image", "verification.scan", "schemas.gs1",
        "verification.decision", "verification.registry", "epcis.store", "epcis.ledger",
    ),
    "Make a dossier": (
        "compliance.routes", "compliance.dossier", "compliance.reports", "epcis.trace",
        "epcis.ledger", "compliance.seal",
    ),
    "Recall a lot": (
        "compliance.routes", "compliance.recall", "epcis.trace", "verification.registry",
        "epcis.ledger",
    ),
}  # fmt: skip
COLOURS = {
    "compliance": ("#e8eef9", "#2f5597"),
    "verification": ("#e6f4ee", "#1f7a54"),
    "epcis": ("#fdf1dd", "#96600a"),
    "schemas": ("#f3e9f5", "#7b3f8c"),
}
"""Ground and ink of each floor."""
WIDTH, MARGIN, HEAD = 980, 20, 40
BOX_HEIGHT, GAP, LETTER = 30, 10, 7.4
"""Of a room's box; `LETTER` is the width of a letter at 13 pixels."""

Imports = dict[str, set[str]]
"""Rooms and the rooms they import."""


@dataclass(frozen=True, slots=True)
class House:
    """The rooms of the code, and which of them each imports."""

    imports: Imports

    def rows(self, floor: str) -> list[list[str]]:
        """The rooms of a floor in rows; who imports stands above whom it imports."""
        rooms = sorted(room for room in self.imports if room.split(".")[0] == floor)
        heights = dict.fromkeys(rooms, 0)
        reach = {room: self._reached(room) for room in rooms}
        for _ in rooms:  # as often as the longest chain may be long
            for room in rooms:
                below = (
                    heights[other] + 1
                    for other in self.imports[room]
                    if other in heights and room not in reach[other]  # a circle has one height
                )
                heights[room] = max([heights[room], *below])
        found: dict[int, list[str]] = defaultdict(list)
        for room in rooms:
            found[heights[room]].append(room)
        return [found[height] for height in sorted(found, reverse=True)]

    def _reached(self, room: str) -> set[str]:
        floor = room.split(".", maxsplit=1)[0]
        seen: set[str] = set()
        waiting = [room]
        while waiting:
            for other in self.imports[waiting.pop()]:
                if other not in seen and other.split(".")[0] == floor:
                    seen.add(other)
                    waiting.append(other)
        return seen


def room_of(module: str) -> str:
    """The room of a module: its floor and the first name below.

    >>> room_of("epcis.store.items")
    'epcis.store'
    """
    return ".".join(module.split(".")[:2])


def survey() -> House:
    """The rooms as the imports of the code show them, TYPE_CHECKING imports counted."""
    graph = grimp.build_graph(*FLOORS, cache_dir=None)
    imports: Imports = {}
    for module in graph.modules:
        if module.count(".") == 0 or ".migrations" in module:
            continue
        room = room_of(module)
        found = imports.setdefault(room, set())
        found |= {room_of(one) for one in graph.find_modules_directly_imported_by(module)}
    between = {room: found & (imports.keys() - {room}) for room, found in imports.items()}
    return House(between)


def journey_faults(house: House) -> list[str]:
    """What the journeys say that the imports do not."""
    faults = []
    for name, rooms in JOURNEYS.items():
        for number, room in enumerate(rooms):
            if room not in house.imports:
                faults.append(f"{name}: there is no room {room}")
            elif number and not any(room in house.imports.get(one, ()) for one in rooms[:number]):
                faults.append(f"{name}: nothing before {room} imports it")
    return faults


def draw(house: House) -> str:
    """The picture."""
    parts: list[str] = []
    top = MARGIN
    for floor in FLOORS:
        drawn, height = _floor(floor, house, top)
        parts += drawn
        top += height + 2 * GAP
    for name, rooms in JOURNEYS.items():
        parts += _journey(name, rooms, top)
        top += HEAD + BOX_HEIGHT
    style = "font-family='system-ui, sans-serif' font-size='13'"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {top}' role='img' {style}>\n"
        "<title>The four floors of Packtrail, their rooms, and four journeys</title>\n"
        f"<rect width='{WIDTH}' height='{top}' fill='#fff'/>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _floor(floor: str, house: House, top: int) -> tuple[list[str], int]:
    ground, ink = COLOURS[floor]
    parts = [_text(MARGIN + GAP, top + 24, f"{floor}: {SUBTITLES[floor]}", ink, bold=True)]
    y = top + HEAD
    for row in house.rows(floor):
        x = MARGIN + GAP
        for room in row:
            label = room.split(".")[1]
            width = _width(label)
            if x + width > WIDTH - MARGIN - GAP:
                x, y = MARGIN + 3 * GAP, y + BOX_HEIGHT + GAP // 2
            parts += _box(x, y, label, ink)
            x += width + GAP
        y += BOX_HEIGHT + GAP
    height = y - top
    frame = (
        f"<rect x='{MARGIN}' y='{top}' width='{WIDTH - 2 * MARGIN}' height='{height}' rx='8' "
        f"fill='{ground}'/>"
    )
    return [frame, *parts], height


def _journey(name: str, rooms: tuple[str, ...], top: int) -> list[str]:
    parts = [_text(MARGIN + GAP, top + 24, name, "#222", bold=True)]
    x, y = MARGIN + GAP, top + HEAD - 6
    for number, room in enumerate(rooms):
        floor, word = room.split(".")
        if number:
            parts.append(_text(x, y + 20, "→", "#555"))
            x += 22
        parts += _box(x, y, word, COLOURS[floor][1], COLOURS[floor][0])
        x += _width(word) + 8
    return parts


def _width(label: str) -> int:
    return round(len(label) * LETTER) + 20


def _box(x: int, y: int, label: str, ink: str, ground: str = "#fff") -> list[str]:
    frame = (
        f"<rect x='{x}' y='{y}' width='{_width(label)}' height='{BOX_HEIGHT}' rx='5' "
        f"fill='{ground}' stroke='{ink}'/>"
    )
    return [frame, _text(x + 10, y + 20, label, ink)]


def _text(x: int, y: int, text: str, ink: str, *, bold: bool = False) -> str:
    weight = " font-weight='600'" if bold else ""
    return f"<text x='{x}' y='{y}' fill='{ink}'{weight}>{escape(text)}</text>"


def main() -> int:
    """Write the picture, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    house = survey()
    faults = journey_faults(house)
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    picture = draw(house)
    if not parser.parse_args().check:
        PICTURE.write_text(picture, encoding="utf-8")
        return 0
    if PICTURE.read_text(encoding="utf-8") == picture:
        return 0
    print("run scripts/draw_architecture.py: rooms have changed", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
