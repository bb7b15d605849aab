"""A dossier that cannot be sealed: a clear word, exit 2, and no file under its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance.seal import Keys
from compliance.service.cli import command_line


@pytest.fixture
def house(tmp_path: Path) -> dict[str, str]:
    """The settings of a house whose keys have a passphrase."""
    Keys.open(tmp_path / "data" / "keys", "correct horse")
    return {
        "PACKTRAIL_DATA_DIR": str(tmp_path / "data"),
        "PACKTRAIL_DATABASE": str(tmp_path / "packtrail.db"),
        "PACKTRAIL_KEY_PASSPHRASE": "correct horse",
    }


def exported(house: dict[str, str], folder: Path, *more: str):
    out = folder / "period.asice"
    command = ["export", "--from", "2026-01-01", "--to", "2027-01-01", "-o", str(out), *more]
    done = CliRunner().invoke(command_line(), command, env=house)
    return done, out


def certificate(folder: Path, name: str) -> str:
    keys = Keys.open(folder / name)
    path = folder / f"{name}.pem"
    path.write_bytes((keys.folder / "seal-1.pem").read_bytes())
    return str(path)


def wrong_passphrase(folder: Path) -> dict[str, str]:
    return {"PACKTRAIL_KEY_PASSPHRASE": "battery staple"}


def no_passphrase(folder: Path) -> dict[str, str]:
    return {"PACKTRAIL_KEY_PASSPHRASE": ""}


def no_token_module(folder: Path) -> dict[str, str]:
    return {
        "PACKTRAIL_SEAL_TOKEN_MODULE": str(folder / "nowhere.so"),
        "PACKTRAIL_SEAL_TOKEN": "house",
        "PACKTRAIL_SEAL_CERTIFICATE": str(folder / "data" / "keys" / "seal-1.pem"),
    }


def service_down(folder: Path) -> dict[str, str]:
    return {
        "PACKTRAIL_SEAL_SERVICE": "http://127.0.0.1:9/sign",
        "PACKTRAIL_SEAL_CERTIFICATE": str(folder / "data" / "keys" / "seal-1.pem"),
    }


def foreign_certificate(folder: Path) -> dict[str, str]:
    return {
        "PACKTRAIL_SEAL_SERVICE": "http://127.0.0.1:9/sign",
        "PACKTRAIL_SEAL_CERTIFICATE": certificate(folder, "foreign"),
    }


def certificate_missing(folder: Path) -> dict[str, str]:
    return {"PACKTRAIL_SEAL_SERVICE": "http://127.0.0.1:9/sign"}


def authority_down(folder: Path) -> dict[str, str]:
    return {
        "PACKTRAIL_TIME_AUTHORITY": "http://127.0.0.1:9/stamp",
        "PACKTRAIL_TIME_AUTHORITY_ROOTS": str(folder / "data" / "keys" / "root.pem"),
    }


def authority_without_roots(folder: Path) -> dict[str, str]:
    return {"PACKTRAIL_TIME_AUTHORITY": "http://127.0.0.1:9/stamp"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (wrong_passphrase, "passphrase"),
        (no_passphrase, "passphrase"),
        (no_token_module, "token"),
        (service_down, "127.0.0.1:9"),
        (foreign_certificate, "root"),
        (certificate_missing, "seal_certificate"),
        (authority_down, "127.0.0.1:9"),
        (authority_without_roots, "time_authority_roots"),
    ],
)
def test_what_cannot_be_sealed_is_said_and_leaves_no_file(house, tmp_path, change, word):
    done, out = exported(house | change(tmp_path), tmp_path)
    assert done.exit_code == 2, done.output
    assert word in done.stderr
    assert "Traceback" not in done.output
    assert not out.exists()


def test_the_same_house_exports_once_all_is_well(house, tmp_path):
    done, out = exported(house, tmp_path, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)
    assert out.exists()


@pytest.mark.parametrize("kind", ["period", "audit trail", "verification log"])
def test_a_period_that_ends_before_it_begins_is_a_slip_of_the_pen(house, tmp_path, kind):
    """An intact dossier without anything in it would answer a question nobody asked."""
    done, out = exported(house, tmp_path, "--from", "2027-06-01", "--kind", kind)
    assert done.exit_code == 2
    assert "'from' is earlier than 'to'" in done.output
    assert not out.exists()


def test_a_folder_or_device_is_not_replaced_by_a_dossier(house, tmp_path):
    done, _ = exported(house, tmp_path, "-o", str(tmp_path))
    assert done.exit_code in (1, 2)
    assert "is no ordinary file" in done.output
    assert tmp_path.is_dir()
