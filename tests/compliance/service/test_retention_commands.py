"""`packtrail retention`, `archive` and `hold`, as an operator types them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from chain import GTIN, case, commission, pack, put
from typer.testing import CliRunner

from compliance.service.cli import command_line
from epcis.capture import record
from epcis.ledger.store import Store

LATER = ("--now", "2033-01-01")


@pytest.fixture
def packtrail(tmp_path, store: Store, now, database, monkeypatch):
    with store.write(now) as tx:
        record(tx, [commission(0, [pack(1), pack(2)]), put(1, case(1), [pack(1)])])
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PACKTRAIL_DATABASE", database)
    return lambda *words: CliRunner().invoke(command_line(), [str(word) for word in words])


def test_plan_hold_run_list_restore(packtrail, tmp_path) -> None:
    opened = packtrail(
        "retention", "hold", "open", "--gtin", GTIN, "--serial", "P2", "--reason", "claim 7"
    )
    assert opened.exit_code == 0
    hold = json.loads(packtrail("retention", "hold", "list", "--json").stdout)[0]["id"]
    plan = packtrail("retention", "plan", *LATER)
    assert f"1 kept by {hold}" in plan.stdout
    assert not (tmp_path / "archive").exists()
    ran = json.loads(packtrail("retention", "run", *LATER, "--json").stdout)
    assert (ran[0]["entries"], ran[0]["files"]) == (1, ["events-2026-03-0001.parquet"])
    assert packtrail("retention", "hold", "release", hold, "--why", "settled").exit_code == 0
    assert "1 gone" in packtrail("retention", "run", *LATER).stdout
    assert "1 gone" not in packtrail("retention", "run", *LATER).stdout
    files = packtrail("archive", "list").stdout.splitlines()
    assert [line.split()[0] for line in files] == [
        "events-2026-03-0001.parquet",
        "events-2026-03-0002.parquet",
    ]
    restored = packtrail("archive", "restore", "events-2026-03-0001.parquet", "--json")
    assert json.loads(restored.stdout)["restored"] is not None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("retention", "hold", "open", "--reason", "r"), 1, "say what to hold"),
        (("retention", "hold", "open", "--reason", "r", "--lot", "L1"), 1, "needs its GTIN"),
        (("retention", "hold", "release", "H-1", "--why", "w"), 1, "no hold H-1"),
        (("archive", "restore", "none.parquet"), 1, "packtrail archive list"),
        (("retention", "plan", "--policy", "/none/such.toml"), 2, "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(packtrail, words, code, said) -> None:
    ran = packtrail(*words)
    assert (ran.exit_code, said in ran.stderr) == (code, True), ran.output


def test_a_policy_below_the_law_is_refused_and_shown_where_it_is_not(packtrail, tmp_path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[events]\narchive_after = "1 year"\nerase_after = "2 years"\n')
    for command in ("plan", "run", "policy"):
        ran = packtrail("retention", command, "--policy", policy)
        assert ran.exit_code == 1
        assert "the law asks for 6 years" in ran.stderr
    policy.write_text(policy.read_text() + 'shorter_than_law_because = "only test packs"\n')
    assert "erased after 2 years" in packtrail("retention", "policy", "--policy", policy).stdout


def test_without_the_library_the_command_says_what_to_install(packtrail, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = packtrail("retention", "run", *LATER)
    assert ran.exit_code == 2
    assert "pip install 'packtrail[archive]'" in ran.stderr
    assert packtrail("retention", "plan", *LATER).exit_code == 0


def test_a_file_may_have_been_moved(packtrail, tmp_path) -> None:
    packtrail("retention", "run", *LATER)
    Path(tmp_path / "archive").rename(tmp_path / "tape")
    name = "events-2026-03-0001.parquet"
    assert packtrail("archive", "restore", name).exit_code == 1
    assert packtrail("archive", "restore", name, "--from", tmp_path / "tape").exit_code == 0
