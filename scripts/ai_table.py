"""Write `schemas/gs1/ai_table.py` from the GS1 Barcode Syntax Dictionary.

    python scripts/ai_table.py path/to/gs1-syntax-dictionary.txt

The dictionary is published by GS1; a release brings new Application Identifiers and rules. The
table holds the same facts in our own form, one row per Application Identifier or range of them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).resolve().parent.parent / "schemas" / "gs1" / "ai_table.py"
LINE_MAX = 100
ENTRY = re.compile(
    r"^(?P<first>\d{2,4})(?:-(?P<last>\d{2,4}))?\s+(?P<flags>[*?]*)\s*(?P<rest>[^#]*?)\s*"
    r"(?:#\s*(?P<title>.*?)\s*)?$"
)

PREAMBLE = '''"""All GS1 Application Identifiers, one row per identifier or range of them.

Written by `scripts/ai_table.py` from the GS1 Barcode Syntax Dictionary; do not edit by hand.
Read it through `schemas.gs1.ai`. Columns: first and last Application Identifier; whether the length
is predefined (no separator follows); whether it may be a Digital Link attribute; the components
(`N` digits, `X` character set 82, `Y` character set 39, `Z` base64url; optional ones in brackets;
content rules after colons); required partners (one group per condition); excluded partners;
Digital Link qualifiers (None: no primary key); title.
"""

from __future__ import annotations

Row = tuple[
    str, str, bool, bool, str, tuple[str, ...], tuple[str, ...], tuple[str, ...] | None, str
]

# fmt: off
ROWS: tuple[Row, ...] = (
'''


class Row(NamedTuple):
    """One line of the dictionary, its parts in the order of the table's columns."""

    first: str
    last: str
    predefined: bool
    attribute: bool
    components: str
    requires: tuple[str, ...]
    excludes: tuple[str, ...]
    qualifiers: tuple[str, ...] | None
    title: str


def read_dictionary(text: str) -> list[Row]:
    """Every entry of the dictionary, in its order."""
    lines = (line.strip() for line in text.splitlines())
    return [_row(line) for line in lines if line and not line.startswith("#")]


def _row(line: str) -> Row:
    entry = ENTRY.match(line)
    if entry is None:
        raise ValueError(f"not an entry of the dictionary: {line}")
    words = entry["rest"].split()
    components = [word for word in words if word[0] in "NXYZ["]
    pairs = [word.partition("=") for word in words if word not in components]
    keys = [value for name, _, value in pairs if name == "dlpkey"]
    return Row(
        first=entry["first"],
        last=entry["last"] or entry["first"],
        predefined="*" in entry["flags"],
        attribute="?" in entry["flags"],
        components=" ".join(_component(word) for word in components),
        requires=tuple(value for name, _, value in pairs if name == "req"),
        excludes=tuple(v for name, _, value in pairs if name == "ex" for v in value.split(",")),
        qualifiers=tuple(filter(None, keys[0].split("|"))) if keys else None,
        title=entry["title"] or "",
    )


def _component(word: str) -> str:
    # "[N3],iso3166" becomes "[N3:iso3166]": the brackets embrace the rules they switch off.
    optional = word.startswith("[")
    plain = word.replace("[", "").replace("]", "").replace(",", ":")
    return f"[{plain}]" if optional else plain


def write_table(rows: list[Row]) -> str:
    """The text of `schemas/gs1/ai_table.py`."""
    plain = [f"    {_literal(row)}," for row in rows]
    lines = [line + ("  # noqa: E501\n" if len(line) > LINE_MAX else "\n") for line in plain]
    return PREAMBLE + "".join(lines) + ")\n# fmt: on\n"


def _literal(row: Row) -> str:
    return repr(tuple(row)).replace("'", '"')


def main() -> None:
    """Write the table from the dictionary named on the command line."""
    rows = read_dictionary(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TABLE.write_text(write_table(rows), encoding="utf-8")
    print(f"{len(rows)} rows -> {TABLE.name}")


if __name__ == "__main__":
    main()
