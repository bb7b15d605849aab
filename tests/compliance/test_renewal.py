"""A dossier that is kept for years is stamped anew, and each stamp carries the ones before."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.dossier import EventPeriod, ExportRefused, export, verify_export
from compliance.dossier.renewal import RENEWAL_BYTES_MAX, RENEWALS_MAX, renew, renewals_of
from compliance.dossier.verify_dossier import OpenSsl, check, time_of
from compliance.seal import Keys
from compliance.service.cli import command_line
from epcis.capture import record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import NOW, STORY

PERIOD = EventPeriod(NOW - timedelta(days=30), NOW + timedelta(days=30), by_record_time=True)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Path:
    """A folder with keys and a dossier sealed with them."""
    folder = tmp_path_factory.mktemp("renewal")
    keys = Keys.open(folder / "keys")
    store = Store.open(str(folder / "packtrail.db"))
    store.create_all()
    with store.write(NOW) as tx:
        record(tx, STORY)
    export(store, PERIOD, folder / "all.asice", keys, now=NOW, by="inspector")
    store.close()
    return folder


@pytest.fixture
def dossier(house: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(house / "all.asice", tmp_path / "all.asice"))


def keys_after(house: Path, years: int) -> Keys:
    """The same keys, so many years later."""
    return Keys.open(house / "keys", clock=lambda: datetime.now(UTC) + years * YEAR)


def test_a_dossier_stamped_twice_is_intact_and_says_when_it_was_stamped(house, dossier):
    keys = keys_after(house, 0)
    sealed = verify_export(dossier, keys.root_pem())
    assert sealed.stamped_at == sealed.signed_at
    content = dossier.read_bytes()
    for years in (1, 2):
        made = renew(dossier, keys_after(house, years).stamper)
        outcome = verify_export(dossier, keys.root_pem())
        assert outcome.exit_code == 0
        assert outcome.signed_at == sealed.signed_at
        assert outcome.stamped_at == datetime.fromtimestamp(time_of(made.read_bytes()), UTC)
        assert f"stamped anew {years} times" in outcome.findings[0].what
    assert [one.name for one in renewals_of(dossier)] == ["all.asice.1.tsr", "all.asice.2.tsr"]
    assert dossier.read_bytes() == content


def test_openssl_alone_believes_a_new_stamp_and_the_script_the_dossier(house, dossier, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    first = renew(dossier, keys_after(house, 1).stamper)
    second = renew(dossier, keys_after(house, 2).stamper)
    (tmp_path / "stamped").write_bytes(dossier.read_bytes() + first.read_bytes())
    at = time_of(second.read_bytes())
    command = (
        f"openssl ts -verify -data stamped -in {second.name} -token_in"
        f" -CAfile {house / 'keys' / 'root.pem'} -attime {at}"
    )
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=False)
    assert b"Verification: OK" in done.stdout + done.stderr
    assert check(dossier, (house / "keys" / "root.pem").read_bytes(), OpenSsl())["entries"]


def test_a_stamp_that_is_not_of_this_dossier_and_its_stamps_is_tampered_with(house, dossier):
    root = keys_after(house, 0).root_pem()
    first, second = (renew(dossier, keys_after(house, years).stamper) for years in (1, 2))
    good = first.read_bytes(), second.read_bytes()
    for one, other, code in (
        (good[1], good[0], "dossier.renewal.wrong"),
        (good[0], good[0], "dossier.renewal.wrong"),
        (good[0], good[1][:-1], "dossier.renewal.wrong"),
        (b"", good[1], "dossier.renewal.wrong"),
        (bytes([good[0][0] ^ 1]) + good[0][1:], good[1], "dossier.renewal.wrong"),
        (good[0], bytes(RENEWAL_BYTES_MAX + 1), "dossier.renewal.wrong"),
        (*good, "dossier.intact"),
    ):
        first.write_bytes(one)
        second.write_bytes(other)
        assert verify_export(dossier, root).findings[0].code == code


def test_a_stamp_that_is_earlier_than_the_one_before_is_tampered_with(house, dossier):
    renew(dossier, keys_after(house, 2).stamper)
    renew(dossier, keys_after(house, 1).stamper)
    outcome = verify_export(dossier, keys_after(house, 0).root_pem())
    assert (outcome.exit_code, outcome.findings[0].code) == (1, "dossier.renewal.order")


def test_a_stamp_by_a_stranger_cannot_be_judged(house, dossier, tmp_path):
    stranger = Keys.open(tmp_path / "stranger", clock=lambda: datetime.now(UTC) + YEAR)
    renew(dossier, stranger.stamper)
    root = keys_after(house, 0).root_pem()
    assert verify_export(dossier, root).exit_code == 2
    assert verify_export(dossier, root + stranger.root_pem()).exit_code == 0


def test_stamps_have_an_end(house, dossier):
    for number in range(1, RENEWALS_MAX + 1):
        dossier.with_name(f"all.asice.{number}.tsr").touch()
    with pytest.raises(ExportRefused, match="100 times"):
        renew(dossier, keys_after(house, 1).stamper)


def test_the_command_stamps_what_is_intact_and_was_not_stamped_for_a_year(house, dossier):
    environment = {"PACKTRAIL_DATA_DIR": str(house), "PACKTRAIL_DATABASE": ""}

    def restamp(*arguments: object):
        command = ["restamp", *map(str, arguments)]
        done = CliRunner().invoke(command_line(), command, env=environment)
        return done.exit_code, done.output

    fresh = restamp("--older-than", 365, dossier)
    assert fresh[0] == 0
    assert "was stamped on" in fresh[1]
    assert renewals_of(dossier) == []
    later = (datetime.now(UTC) + 2 * YEAR).strftime("%Y-%m-%d")
    assert restamp("--older-than", 365, "--now", later, dossier)[0] == 0
    assert len(renewals_of(dossier)) == 1
    dossier.write_bytes(dossier.read_bytes().replace(b"PK\x03\x04", b"PK\x03\x05", 1))
    code, said = restamp(dossier)
    assert code == 1
    assert "not stamped" in said
    assert len(renewals_of(dossier)) == 1
    assert restamp(dossier.with_name("none.asice"))[0] == 2
