"""The validation pack: made of a real run of tests, and checked with nothing of ours."""

from __future__ import annotations

import ast
import csv
import json
import shutil
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from hands import hand
from trace_matrix import ROOT, TRACE, requirements_of

from compliance.validation.catalogue import (
    FILE,
    SEVERITIES,
    RequirementState,
    ResultsRefused,
    requirements,
    run_from,
    state_of,
)


def functions_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {
        one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_name_in_the_trace_is_a_test_and_every_requirement_is_answered_for():
    for requirement, names in TRACE.items():
        for name in names:
            file, _, function = name.partition("::")
            assert (ROOT / file).exists(), f"{requirement}: {name}"
            assert not function or function in functions_of(ROOT / file), f"{requirement}: {name}"
    known = {one.id: one for one in requirements()}
    assert set(TRACE) <= set(known)
    for id_, one in known.items():
        answered = sum(map(bool, (one.duty, one.open, id_ in TRACE)))
        assert answered == 1, f"{id_}: tests, the operator's duty, or what is open, and one of them"
        assert one.severity in SEVERITIES
        assert one.source
    for one in tomllib.loads(FILE.read_text()).values():
        assert set(one) <= {"source", "asks", "risk", "severity", "by", "duty", "open"}
        assert ("duty" in one) == (one.get("by") == "operator")


def test_a_name_leads_to_its_tests_and_to_no_other():
    named = "tests/verification/test_engine.py"
    assert requirements_of(f"{named}::test_anything[sqlite-1]") == ["ER-09"]
    assert requirements_of("tests/verification/test_engine.pyx::test_x") == []
    one = TRACE["AC-05"][0]
    assert "AC-05" in requirements_of(f"{one}[postgresql]")
    assert "AC-05" not in requirements_of(f"{one}_too")


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """Of a run of a few real tests."""
    file = tmp_path_factory.mktemp("run") / "results.json"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider",
         "--validation-results", str(file), "tests/epcis/ledger/test_merkle.py",
         "tests/compliance/retention/test_policy.py"],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return file


def test_the_results_name_each_test_with_its_requirements_and_outcome(results):
    run = run_from(results.read_bytes())
    of = {one.id: one for one in requirements()}
    assert {"AT-03"} <= {name for one in run.tests for name in one.requirements}
    assert {one.outcome for one in run.tests} == {"passed"}
    assert state_of(of["AT-03"], run) is RequirementState.SHOWN
    assert state_of(of["GD-06"], run) is RequirementState.NOT_RUN
    assert state_of(of["AC-01"], run) is RequirementState.OPERATOR
    assert state_of(of["ES-01"], run) is RequirementState.OPEN


def changed(results: Path, outcome: str) -> bytes:
    told = json.loads(results.read_text())
    next(one for one in told["tests"] if "AT-03" in one["requirements"])["outcome"] = outcome
    return json.dumps(told).encode()


def test_one_failed_test_fails_its_requirement_and_skipped_ones_show_nothing(results):
    (at_03,) = [one for one in requirements() if one.id == "AT-03"]
    assert state_of(at_03, run_from(changed(results, "failed"))) is RequirementState.FAILED
    told = json.loads(results.read_text())
    for one in told["tests"]:
        one["outcome"] = "skipped"
    run = run_from(json.dumps(told).encode())
    assert state_of(at_03, run) is RequirementState.NOT_RUN


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b"{}", b'{"tests": 1}', b"[" * 100_000, b'{"tests": [{"test": 1}]}', b"\xff"],
)
def test_what_is_no_run_is_refused(wrong):
    with pytest.raises(ResultsRefused, match="--validation-results"):
        run_from(wrong)


def test_outcomes_and_requirements_of_elsewhere_are_refused(results):
    with pytest.raises(ResultsRefused, match="not an outcome"):
        run_from(changed(results, "fine"))
    with pytest.raises(ResultsRefused, match="another version"):
        run_from(results.read_bytes().replace(b"AT-03", b"XX-99"))


def test_the_pack_is_signed_and_openssl_alone_checks_it(results, tmp_path):
    run = hand({"PACKTRAIL_DATA_DIR": str(tmp_path / "data"), "PATH": ""})
    pack = tmp_path / "validation.asice"
    made = run("validation", results, "-o", pack, "--json")
    assert made.code == 1, "most requirements had no test in this run"
    assert "GD-06" in made.json["notRun"]
    (tmp_path / "root.pem").write_bytes(run("keys", "root").out.encode())
    with ZipFile(pack) as archive:
        archive.extractall(tmp_path / "x")
        names = set(archive.namelist())
    assert {"report.pdf", "risks.csv", "trace-matrix.csv", "threat-model.md"} <= names
    openssl = shutil.which("openssl")
    assert openssl
    check = [
        openssl, "cms", "-verify", "-cades", "-binary", "-inform", "DER",
        "-in", "META-INF/signature001.p7s", "-content", "META-INF/ASiCManifest001.xml",
        "-CAfile", str(tmp_path / "root.pem"), "-purpose", "any", "-crl_check_all",
        "-out", "/dev/null",
    ]  # fmt: skip
    subprocess.run(check, cwd=tmp_path / "x", check=True, capture_output=True)
    sums = ["sha256sum", "--strict", "-c", "SHA256SUMS"]
    subprocess.run(sums, cwd=tmp_path / "x", check=True, capture_output=True)
    matrix = list(csv.DictReader(StringIO((tmp_path / "x" / "trace-matrix.csv").read_text())))
    assert {"AT-03", "ER-03"} <= {row["requirement"] for row in matrix}
    asked = list(csv.DictReader(StringIO((tmp_path / "x" / "requirements.csv").read_text())))
    assert [row["id"] for row in asked] == [one.id for one in requirements()]
    manifest = tmp_path / "x" / "META-INF" / "ASiCManifest001.xml"
    manifest.write_bytes(manifest.read_bytes().replace(b"risks", b"riskz"))
    forged = subprocess.run(check, cwd=tmp_path / "x", check=False, capture_output=True)
    assert forged.returncode != 0


def test_the_command_says_what_is_wrong_with_its_input(tmp_path):
    run = hand({"PACKTRAIL_DATA_DIR": str(tmp_path / "data"), "PATH": ""})
    (tmp_path / "no.json").write_text("{}")
    refused = run("validation", tmp_path / "no.json", "-o", tmp_path / "x.asice")
    assert (refused.code, refused.out) == (2, "")
    assert "pytest --validation-results" in refused.err
    assert run("validation", tmp_path / "none.json", "-o", tmp_path / "x.asice").code == 2
    assert not (tmp_path / "x.asice").exists()
