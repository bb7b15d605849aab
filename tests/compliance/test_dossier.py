"""A dossier proves itself with programs an inspector has, and with our checker."""

from __future__ import annotations

import base64
import csv
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from compliance.dossier import (
    Case,
    EventPeriod,
    ExportRefused,
    LotHistory,
    Pack,
    Recipient,
    export,
    verify_export,
)
from compliance.dossier.redaction import shipped
from compliance.seal import Keys
from epcis.capture import record
from epcis.fsck.log import audit_log
from epcis.ledger.entry import LeafKind
from epcis.ledger.store import Store
from epcis.model import AggregationEvent, BizTransaction, Node, ObjectEvent

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
GTIN = "00355555678908"
CASE = "urn:epc:id:sscc:0355555.0000000123"
ALWAYS = EventPeriod(NOW - timedelta(days=9000), NOW + timedelta(days=9000))
CBVMDA = "urn:epcglobal:cbv:mda"


def pack(serial: int) -> str:
    return f"urn:epc:id:sgtin:0355555.067890.{serial}"


def lot_data() -> tuple[Node, ...]:
    return (
        Node(namespace=CBVMDA, name="lotNumber", children=("L7",)),
        Node(namespace=CBVMDA, name="itemExpirationDate", children=("2027-05-31",)),
    )


def at(hours: int) -> dict[str, str]:
    when = NOW - timedelta(days=2) + timedelta(hours=hours)
    return {"event_time": when.isoformat(), "event_time_zone_offset": "+00:00"}


STORY = (
    ObjectEvent(**at(0), action="ADD", biz_step="commissioning", disposition="active",
                epcs=tuple(pack(n) for n in range(100, 110)), ilmd=lot_data()),
    ObjectEvent(**at(0), action="ADD", biz_step="commissioning", disposition="active",
                epcs=(CASE,)),
    AggregationEvent(**at(1), action="ADD", biz_step="packing", parent_id=CASE,
                     child_epcs=tuple(pack(n) for n in range(100, 105))),
    ObjectEvent(**at(2), action="OBSERVE", biz_step="shipping", disposition="in_transit",
                epcs=(CASE,), biz_transactions=(BizTransaction(id="=cmd|calc", type="po"),),
                event_id="=1+1"),
    ObjectEvent(**at(3), action="OBSERVE", biz_step="inspecting", epcs=(pack(107),)),
)  # fmt: skip


@pytest.fixture
def told(store: Store) -> Store:
    """A lot of ten packs: five of them in a case that was shipped."""
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
        tx.log(LeafKind.ACCESS, b'{"act":"signed-in"}', b'{"address":"192.0.2.7"}')
    return store


@pytest.fixture
def unpacked(told: Store, keys: Keys, tmp_path: Path) -> Path:
    """A dossier of everything, unpacked by unzip, with the root beside it."""
    export(told, ALWAYS, tmp_path / "all.asice", keys, now=NOW, by="inspector")
    folder = tmp_path / "unpacked"
    tool("unzip", "-q", str(tmp_path / "all.asice"), "-d", str(folder), cwd=tmp_path)
    (folder / "root.pem").write_bytes(keys.root_pem())
    return folder


def tool(program: str, *arguments: str, cwd: Path, **how) -> subprocess.CompletedProcess:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, *arguments], cwd=cwd, capture_output=True, check=False, timeout=60, **how
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done


CADES = (
    "cms -verify -cades -binary -inform DER -in META-INF/signature001.p7s"
    " -content META-INF/ASiCManifest001.xml -CAfile root.pem -purpose any -crl_check_all"
    " -out /dev/null"
)


def test_openssl_alone_says_who_signed_the_list_of_files(unpacked: Path):
    said = tool("openssl", *CADES.split(), cwd=unpacked)
    assert b"CAdES Verification successful" in said.stderr


def test_sha256sum_alone_says_the_files_are_those_of_the_signed_list(unpacked: Path):
    tool("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=unpacked)
    digest = tool("openssl", "dgst", "-sha256", "-binary", "SHA256SUMS", cwd=unpacked).stdout
    signed = (unpacked / "META-INF/ASiCManifest001.xml").read_text()
    assert base64.b64encode(digest).decode() in signed


def test_pdfsig_alone_says_the_whole_report_is_signed(unpacked: Path):
    said = tool("pdfsig", "report.pdf", cwd=unpacked).stdout
    assert b"Signature is Valid." in said
    assert b"Total document signed" in said


def test_pdfsig_trusts_the_report_of_a_house_whose_root_it_was_given(unpacked: Path):
    if not shutil.which("certutil"):
        pytest.skip("certutil is not installed")
    trusted = unpacked / "nss"
    trusted.mkdir()
    tool("certutil", "-N", "-d", f"sql:{trusted}", "--empty-password", cwd=unpacked)
    root = ("-A", "-n", "house", "-t", "CT,C,C", "-i", "root.pem", "-d", f"sql:{trusted}")
    tool("certutil", *root, cwd=unpacked)
    said = tool("pdfsig", "-nssdir", f"sql:{trusted}", "report.pdf", cwd=unpacked).stdout
    assert b"Signature is Valid." in said
    assert b"Certificate is Trusted." in said
    assert b"Total document signed" in said


def test_openssl_alone_verifies_checkpoint_and_time_stamp(unpacked: Path):
    note = (unpacked / "log/checkpoint").read_text()
    body, _, tail = note.partition("\n\n")
    (unpacked / "body").write_text(body + "\n")
    signature = base64.b64decode(tail.split()[2])[4:]
    (unpacked / "sig").write_bytes(signature)
    verify = "pkeyutl -verify -pubin -inkey log/key.pem -rawin -in body -sigfile sig"
    assert b"Verified Successfully" in tool("openssl", *verify.split(), cwd=unpacked).stdout
    stamp = "ts -verify -data log/checkpoint -in log/checkpoint.tsr -token_in -CAfile root.pem"
    assert b"Verification: OK" in tool("openssl", *stamp.split(), cwd=unpacked).stdout


def test_the_shipped_script_checks_a_dossier_without_packtrail(unpacked: Path):
    said = tool(
        sys.executable, "-I", "verify_dossier.py", "../all.asice", "root.pem", cwd=unpacked
    ).stdout
    assert said.startswith(b"INTACT")


def test_the_readme_names_the_root_and_commands_that_work(unpacked: Path, keys: Keys):
    readme = (unpacked / "README.txt").read_text()
    assert keys.root_fingerprint() in readme
    for command in ("openssl cms -verify -cades", "sha256sum --strict -c", "pdfsig report.pdf"):
        assert command in readme


def test_every_event_line_is_epcis_json_and_formulas_do_not_run(unpacked: Path):
    lines = (unpacked / "events.ndjson").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines].count("ObjectEvent") == 4
    with (unpacked / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines)
    assert "'=1+1" in {row["event_id"] for row in rows}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_the_same_request_gives_the_same_bytes(told: Store, keys: Keys, tmp_path: Path):
    members = ("events.ndjson", "events.csv", "events.xlsx", "manifest.json", "log/index.bin")
    made = []
    for name in ("one.asice", "two.asice"):
        export(told, LotHistory(GTIN, "L7"), tmp_path / name, keys, now=NOW, by="inspector")
        with ZipFile(tmp_path / name) as archive:
            made.append([archive.read(member) for member in members])
    assert made[0] == made[1]


def exported(told: Store, keys: Keys, selection, folder: Path, **how) -> list[dict]:
    out = folder / "dossier.asice"
    export(told, selection, out, keys, now=NOW, by="inspector", recipient=Recipient(**how))
    outcome = verify_export(out, keys.root_pem())
    assert outcome.exit_code == 0, outcome.findings
    with ZipFile(out) as archive:
        return [json.loads(line) for line in archive.read("events.ndjson").splitlines()]


def test_a_packs_history_has_what_happened_to_the_case_it_was_in(told, keys, tmp_path):
    steps = [e.get("bizStep") for e in exported(told, keys, Pack(GTIN, "101"), tmp_path)]
    assert set(steps) == {
        "commissioning", "packing", "shipping",
    }  # fmt: skip
    alone = [e.get("bizStep") for e in exported(told, keys, Pack(GTIN, "107"), tmp_path)]
    assert set(alone) == {"commissioning", "inspecting"}


def test_a_lots_history_has_all_of_its_packs_and_cases(told, keys, tmp_path):
    assert len(exported(told, keys, LotHistory(GTIN, "L7"), tmp_path)) == 4


def test_a_cases_history_has_the_events_of_the_case(told, keys, tmp_path):
    steps = {e.get("bizStep") for e in exported(told, keys, Case("003555550000001232"), tmp_path)}
    assert {"packing", "shipping"} <= steps


def test_a_partners_copy_leaves_out_trade_secrets_and_still_verifies(told, keys, tmp_path):
    events = exported(told, keys, ALWAYS, tmp_path, profile=shipped("partner"))
    assert len(events) == 5
    assert not any("bizTransactionList" in event for event in events)
    assert [event["ilmd"]["cbvmda:lotNumber"] for event in events if "ilmd" in event] == ["L7"]


def test_what_is_not_known_is_not_exported(told, keys, tmp_path):
    with pytest.raises(ExportRefused, match="nothing is known"):
        export(told, Pack(GTIN, "999"), tmp_path / "no.asice", keys, now=NOW, by="me")
    assert list(tmp_path.glob("*.asice*")) == []
    assert list(tmp_path.glob(".*part*")) == []


def test_an_export_is_itself_an_entry_of_the_log(told, keys, tmp_path):
    export(told, ALWAYS, tmp_path / "one.asice", keys, now=NOW, by="inspector")
    recorded = EventPeriod(NOW - timedelta(hours=1), NOW + timedelta(hours=1), by_record_time=True)
    export(told, recorded, tmp_path / "two.asice", keys, now=NOW + timedelta(minutes=1), by="x")
    with ZipFile(tmp_path / "two.asice") as archive:
        records = archive.read("records.ndjson").decode()
    assert '"by": "inspector"' in records
    assert list(audit_log(told)) == []


def test_a_store_that_was_falsified_gives_no_dossier(told, keys, tmp_path):
    with told.write(NOW) as tx:
        tx.driver.cursor().execute(
            "UPDATE event SET payload = (SELECT payload FROM event WHERE seq = 1) WHERE seq = 3"
        )
    with pytest.raises(ExportRefused, match="not what was logged"):
        export(told, ALWAYS, tmp_path / "no.asice", keys, now=NOW, by="me")


def test_an_interrupted_export_goes_on_where_it_stopped(told, keys, tmp_path, monkeypatch):
    monkeypatch.setattr("compliance.dossier.gather.ROWS_PER_MARK", 1)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("compliance.dossier.gather.ROWS_PER_PROGRESS", 1)
    out = tmp_path / "all.asice"
    with pytest.raises(KeyboardInterrupt):
        export(told, ALWAYS, out, keys, now=NOW, by="me", progress=interrupt)
    assert not out.exists()
    seen: list[int] = []
    export(told, ALWAYS, out, keys, now=NOW, by="me", progress=lambda done, _: seen.append(done))
    assert seen[0] == 4
    assert verify_export(out, keys.root_pem()).exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if "asice" in path.name] == ["all.asice"]


def test_a_full_disk_leaves_nothing_behind(told, keys, tmp_path, monkeypatch):
    real = Path.open

    def full(self, mode="r", *rest, **how):
        if "w+" in mode:
            raise OSError(28, "No space left on device")
        return real(self, mode, *rest, **how)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space"):
        export(told, ALWAYS, tmp_path / "all.asice", keys, now=NOW, by="me")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir() if "asice" in path.name] == []


def test_a_dossier_holds_the_same_table_for_excel(told, keys, tmp_path):
    export(told, ALWAYS, tmp_path / "all.asice", keys, now=NOW, by="me")
    with ZipFile(tmp_path / "all.asice") as archive:
        (tmp_path / "events.xlsx").write_bytes(archive.read("events.xlsx"))
    with ZipFile(tmp_path / "events.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert sheet.count(b"<row ") == 6
    assert b"<f>" not in sheet
