"""Writes `schemas/xsd`, `schemas/json` and the pages about them from their descriptions."""

from __future__ import annotations

from pathlib import Path

from compliance.rules.as_page import rules_page
from schemas.epcis.as_page import events_page
from schemas.epcis.as_xsd import xsd_files
from schemas.epcis.queries import json_files

ROOT = Path(__file__).resolve().parent.parent


def pages() -> dict[str, str]:
    """Every page by its path."""
    return {
        "docs/reference/events.md": events_page(),
        "docs/reference/dscsa-rules.md": rules_page(),
    }


def main() -> None:
    """Write every file and say its name."""
    files = {f"schemas/xsd/{name}": text for name, text in xsd_files().items()}
    files |= {f"schemas/json/{name}": text for name, text in json_files().items()}
    for path, text in (files | pages()).items():
        (ROOT / path).write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
