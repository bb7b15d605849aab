"""Rule packs count only when somebody vouches for them: the release, or the site itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from verification.decision.rule_pack import (
    RULES,
    RulePackRefusedError,
    load,
    of_operator,
    reader,
    release_keys,
    shipped,
)

SIGN = Path(__file__).parents[3] / "scripts" / "sign_rule_packs.py"
NAMES = ["EU-2016/161"] + [f"EU-2016/161-{country}" for country in ("EE", "FI", "FR", "GR")]
HOUSE = """{"id": "HOUSE", "version": "1", "extends": "EU-2016/161",
 "double_supply": {"repeats_max": 2, "window_h": 24}}"""


def sign(folder, key, *words):
    command = [sys.executable, SIGN, *words, key, "--folder", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def house(tmp_path):
    """A site's folder with one signed pack of its own."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "HOUSE.json").write_text(HOUSE)
    done = sign(folder, tmp_path / "house.key", "--new")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_pack_is_signed_by_the_release(name):
    assert shipped(name).id == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["json", "sig"])
def test_a_shipped_pack_that_was_altered_is_refused(name, suffix, tmp_path):
    here = tmp_path / "rules"
    shutil.copytree(str(RULES), here)
    victim = here / f"{name.replace('/', '-')}.{suffix}"
    content = victim.read_bytes()
    victim.write_bytes(content.replace(b"a", b"b", 1) if suffix == "json" else content[4:])
    with pytest.raises(RulePackRefusedError, match=r"not signed by a trusted key"):
        load(name, reader(here), *release_keys())
    victim.unlink()
    with pytest.raises(RulePackRefusedError, match=r"no rule pack|no signature"):
        load(name, reader(here), *release_keys())


def test_a_site_adds_a_pack_of_its_own(house):
    rules = of_operator("HOUSE", house, (house / "release.pub.pem",))
    assert rules.double_supply.repeats_max == 2
    assert rules.undo == shipped().undo
    assert of_operator("EU-2016/161-FI", house, ()) == shipped("EU-2016/161-FI")


def test_a_sites_pack_needs_the_sites_key(house, tmp_path):
    with pytest.raises(RulePackRefusedError, match="HOUSE is not signed"):
        of_operator("HOUSE", house, ())
    with pytest.raises(RulePackRefusedError, match="no-such"):
        of_operator("HOUSE", house, (tmp_path / "no-such.pem",))
    (tmp_path / "word.pem").write_text("hello")
    with pytest.raises(RulePackRefusedError, match="Ed25519 public key"):
        of_operator("HOUSE", house, (tmp_path / "word.pem",))


def test_a_sites_key_does_not_count_for_what_was_shipped(house, tmp_path):
    stray = tmp_path / "stray"
    stray.mkdir()
    for name in ("EU-2016-161.json", "release.pub.pem"):
        shutil.copy(str(RULES / name if name.endswith("json") else house / name), stray / name)
    (stray / "EU-2016-161.sig").write_bytes((house / "HOUSE.sig").read_bytes())
    with pytest.raises(RulePackRefusedError):
        of_operator("EU-2016/161", stray, (house / "release.pub.pem",))


@pytest.mark.parametrize("name", ["../HOUSE", "", "HOUSE\x00", "x" * 60])
def test_a_name_leads_nowhere_else(name, house):
    with pytest.raises(RulePackRefusedError):
        of_operator(name, house, ())


def test_a_key_file_is_private_and_never_overwritten(house, tmp_path):
    key = tmp_path / "house.key"
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_bytes()
    assert sign(house, key, "--new").returncode != 0
    assert key.read_bytes() == before
    assert sign(house, key).returncode == 0


def test_rules_that_make_no_sense_are_refused_though_signed(house, tmp_path):
    for content in ("[]", "{", '{"id": "HOUSE"}', '{"id": "HOUSE", "extends": "HOUSE"}'):
        (house / "HOUSE.json").write_text(content)
        assert sign(house, tmp_path / "house.key").returncode == 0
        of_operator.cache_clear()
        with pytest.raises(RulePackRefusedError):
            of_operator("HOUSE", house, (house / "release.pub.pem",))
