"""The bill of materials names what the lock file installs, each with its licence."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "lock" / "run.txt").read_text()
LICENCES_WITH_A_REASON = {
    "psycopg": "LGPL: imported as it is, never changed or copied into the product",
    "psycopg-binary": "LGPL: as psycopg",
    "orjson": "MPL: used as it is; its files are not changed",
    "pathspec": "MPL: asked for by the build alone, not part of an installation",
    "certifi": "MPL: a list of certificates, used as a file",
}


def bill(*more: str) -> str:
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make_sbom.py"), *more],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return made.stdout


def test_every_locked_package_is_in_it_with_its_hashes_and_nothing_else():
    said = json.loads(bill())
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.6")
    locked = re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE | re.IGNORECASE)
    assert [(one["name"], one["version"]) for one in said["components"]] == locked
    hashes = {
        one["value"]
        for part in said["components"]
        for one in part["properties"]
        if one["name"] == "packtrail:file-sha256"
    }
    assert hashes == set(re.findall(r"sha256:([0-9a-f]{64})", LOCK))
    refs = [part["bom-ref"] for part in said["components"]]
    assert len(refs) == len(set(refs))
    assert set(said["dependencies"][0]["dependsOn"]) == set(refs)
    assert all(part["purl"].startswith("pkg:pypi/") for part in said["components"])


def test_the_same_lock_gives_the_same_bytes(tmp_path):
    file = tmp_path / "sbom.json"
    bill("-o", str(file))
    assert file.read_text() == bill()


def test_what_is_installed_has_a_licence_that_lets_the_product_be_used():
    wrong = {}
    for line in bill("--licences").splitlines():
        name, _, packages = line.partition(": ")
        if name == "not installed here":
            continue  # of another platform
        if re.search(r"GPL|MPL|EUPL|AGPL|SSPL|Proprietary", name):
            wrong |= dict.fromkeys(packages.split(", "), name)
    assert set(wrong) - set(LICENCES_WITH_A_REASON) == set(), wrong
