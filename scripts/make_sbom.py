"""Write a CycloneDX 1.6 bill of materials of what `lock/run.txt` installs: `-o FILE`, else printed.

Names, versions and hashes are those of the lock file, so that the list is of what is installed and
not of what happens to be here; licences come from the metadata of the installed packages. The same
lock gives the same bytes. `--licences` prints one line for each licence with its packages.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
from collections import defaultdict
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "lock" / "run.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]*))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_CLASSIFIER = "License :: OSI Approved :: "


@dataclass(frozen=True, slots=True)
class Pinned:
    """One line of the lock file."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    """SHA-256 of every file that may be installed for it."""

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name.lower().replace('_', '-')}@{self.version}"


def pinned(lock: str) -> list[Pinned]:
    """Every package of a lock file, in its order."""
    found: list[Pinned] = []
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock):
        if line := _PINNED.match(block):
            hashes = tuple(sorted(_HASH.findall(block)))
            found.append(Pinned(line[1], line[2], (line[3] or "").strip(), hashes))
    return found


def licence(name: str) -> str:
    """What a package says its licence is; empty where it is not installed here or says nothing."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    if expression := about.get("License-Expression"):
        return str(expression)
    classified = [
        value.removeprefix(_CLASSIFIER)
        for value in about.get_all("Classifier", [])
        if value.startswith(_CLASSIFIER)
    ]
    said = (about.get("License") or "").strip()
    return " AND ".join(classified) or (said.splitlines()[0] if said else "")


def bill(lock: str, version: str) -> dict[str, object]:
    """The whole bill."""
    packages = pinned(lock)
    number = uuid.uuid5(uuid.NAMESPACE_URL, f"packtrail {version} {lock}")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "packtrail",
                "name": "packtrail",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
                "purl": f"pkg:pypi/packtrail@{version}",
            }
        },
        "components": [_component(one) for one in packages],
        "dependencies": [
            {"ref": "packtrail", "dependsOn": sorted({_ref(one) for one in packages})},
            *({"ref": ref} for ref in sorted({_ref(one) for one in packages})),
        ],
    }


def _ref(one: Pinned) -> str:
    """A name for one line: of a package that differs by platform there are several."""
    return one.purl + (f"#{one.marker}" if one.marker else "")


def _component(one: Pinned) -> dict[str, object]:
    said = licence(one.name)
    return {
        "type": "library",
        "bom-ref": _ref(one),
        "name": one.name,
        "version": one.version,
        "purl": one.purl,
        **({"licenses": [{"license": {"name": said}}]} if said else {}),
        "properties": [
            *({"name": "packtrail:file-sha256", "value": value} for value in one.hashes),
            *([{"name": "packtrail:installed-where", "value": one.marker}] if one.marker else []),
        ],
    }


def main() -> int:
    """Write the bill, or print the licences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--licences", action="store_true")
    chosen = parser.parse_args()
    lock = LOCK.read_text()
    if chosen.licences:
        of: dict[str, list[str]] = defaultdict(list)
        for one in pinned(lock):
            of[licence(one.name) or "not installed here"].append(one.name)
        print("\n".join(f"{name}: {', '.join(sorted(set(of[name])))}" for name in sorted(of)))
        return 0
    written = json.dumps(bill(lock, metadata.version("packtrail")), indent=1) + "\n"
    if chosen.out:
        chosen.out.write_text(written)
    else:
        sys.stdout.write(written)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
