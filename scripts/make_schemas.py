"""Writes `schemas/xsd` and `schemas/json` from the description in `schemas/epcis`."""

from __future__ import annotations

from pathlib import Path

from schemas.epcis.as_xsd import xsd_files
from schemas.epcis.queries import json_files

SCHEMAS = Path(__file__).resolve().parent.parent / "schemas"


def main() -> None:
    """Write every file and say its name."""
    for folder, files in (("xsd", xsd_files()), ("json", json_files())):
        for name, text in files.items():
            target = SCHEMAS / folder / name
            target.write_text(text, encoding="utf-8")
            print(target.relative_to(SCHEMAS.parent))


if __name__ == "__main__":
    main()
