"""Write docs/decisions/README.md, the index of decisions by area.

    python scripts/make_decisions.py [--check]

A decision's first line is `# NUMBER. TITLE`, its third `DATE · STATUS · AREA`. `--check` writes
nothing and ends with 1 where the index is out of date or a decision is in another form.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "decisions"
AREAS = {
    "house": "The house as a whole",
    "access": "Access",
    "operations": "Operations",
    "identifiers": "Identifiers, bar codes and hashes",
    "pictures": "Pictures",
    "documents": "Documents: reading, writing, checking",
    "store": "Store and archive",
    "repository": "Capture and query interface",
    "proof": "Log, seals and dossiers",
    "verification": "Verification and pack operations",
    "warehouse": "Lines and warehouse",
    "duties": "Duties and reports",
    "inventory": "Serialized inventory",
}
HEAD = re.compile(
    r"# (?P<number>\d+)\. (?P<title>.+)\n\n"
    r"(?P<date>\d{4}-\d\d-\d\d) · (?P<status>accepted|replaced by \d+) · (?P<area>[a-z]+)\n\n"
)
INTRODUCTION = """# Decisions

Why Packtrail is built like this: one page a decision, by area. A title states the choice; the page
says why, what was tried and measured, and what follows. A decision that no longer holds gets the
status *replaced by* and stays. `python scripts/make_decisions.py` writes this index.
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """The head of one page."""

    file: str
    number: int
    title: str
    date: str
    status: str
    area: str


def decisions() -> tuple[list[Decision], list[str]]:
    """Every decision, and what is wrong with the heads that cannot be read."""
    found, faults = [], []
    for path in sorted(FOLDER.glob("[0-9]*.md")):
        head = HEAD.match(path.read_text(encoding="utf-8"))
        if head is None or head["area"] not in AREAS or int(head["number"]) != int(path.name[:4]):
            faults.append(f"{path.name}: begins with '# NUMBER. TITLE' and 'DATE · STATUS · AREA'")
            continue
        told = head.groupdict()
        found.append(Decision(path.name, int(told.pop("number")), **told))
    return found, faults


def index(found: list[Decision]) -> str:
    """The index page."""
    parts = [INTRODUCTION]
    for area, title in AREAS.items():
        rows = [
            f"| {one.number} | [{one.title}]({one.file}) | {one.date} | {one.status} |"
            for one in found
            if one.area == area
        ]
        table = ["| no. | choice | date | status |", "|---|---|---|---|", *rows]
        parts.append(f"## {title}\n\n" + "\n".join(table) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write the index, or compare it."""
    found, faults = decisions()
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return 1
    page = FOLDER / "README.md"
    if "--check" not in sys.argv:
        page.write_text(index(found), encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == index(found):
        return 0
    print("run scripts/make_decisions.py: the index is out of date", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
