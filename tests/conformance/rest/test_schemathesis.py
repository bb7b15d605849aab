"""Requests nobody would think of, made from the served OpenAPI document: no check fails.

The server is a really started one with an API key; every check of Schemathesis is made, on
requests that hold against the document and on requests that do not. Decision 0064 says where the
document was made to tell the truth and where the server became strict.
"""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest
from hands import hand, serve_in

pytest.importorskip("schemathesis", reason="schemathesis is not installed")

SCOPES = "capture,query,verify,recall,export,admin"
ALL = "^/epcis"
OTHERS = "^/(packs|fmd|recalls|exports|log|verify|health|cases|requests|partners)"
PHASES = "coverage,fuzzing"
UNKNOWN_KEY = "pt_0000000000000000_0000000000000000000000000000000000000000000"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Address and key of a running server, and a folder to work in."""
    folder = tmp_path_factory.mktemp("service")
    environment = {"PACKTRAIL_DATA_DIR": str(folder / "home"), "PYTHONUNBUFFERED": "1"}
    key = hand(environment)("access", "new-key", "auditor", "--scopes", SCOPES, "--json")
    with serve_in(environment) as server:
        yield server.address, key.json["key"], folder


def ask(
    service,
    paths: str,
    *,
    examples_max: int,
    phases: str = PHASES,
    seed: int = 1,
    checks: str = "all",
    without: tuple[str, ...] = (),
) -> int:
    """Let Schemathesis ask what matches `paths`; how many requests it made."""
    address, key, folder = service
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("run", f"{address}/openapi.json"),
            *("--header", f"Authorization: Bearer {key}"),
            *("--include-path-regex", paths),
            *("--max-examples", str(examples_max), "--phases", phases, "--seed", str(seed)),
            *("--checks", checks, "--mode", "all", "--continue-on-failure", "--no-color"),
            *(word for method in without for word in ("--exclude-method", method)),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    made = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert made, done.stdout
    return int(made[1])


def test_what_takes_a_body_holds_every_check(service):
    assert ask(service, ALL, examples_max=3, without=("GET", "OPTIONS")) > 500


def test_every_address_answers_a_few_odd_requests_as_described(service):
    assert ask(service, ALL, examples_max=3, phases="fuzzing") > 150


@pytest.mark.endurance
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(1, 4))
def test_every_address_answers_many_odd_requests_as_described(service, seed):
    assert ask(service, ALL, examples_max=100, seed=seed) > 10_000


@pytest.mark.endurance
@pytest.mark.timeout(3000)
def test_the_other_floors_meet_no_fault_of_ours_and_answer_as_described(service):
    checks = "not_a_server_error,status_code_conformance"
    assert ask(service, OTHERS, examples_max=50, phases="fuzzing", checks=checks) > 500


def test_nobody_gets_in_without_a_key_or_with_a_false_one(service):
    address, _, _ = service
    with httpx.Client(base_url=address) as client:
        paths = client.get("/openapi.json").json()["paths"]
        ways = [
            (method.upper(), path.replace("{", "").replace("}", ""))
            for path, methods in paths.items()
            for method in methods
            if path.startswith("/epcis") and method != "options" and path != "/epcis/soap"
        ]
        for method, path in ways:
            for headers in ({}, {"Authorization": f"Bearer {UNKNOWN_KEY}"}):
                answer = client.request(method, path, headers=headers)
                assert answer.status_code == 401, (method, path, headers)
                assert answer.json()["type"] == "epcisException:SecurityException"
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(ways) > 35
