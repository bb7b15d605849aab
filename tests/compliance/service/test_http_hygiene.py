"""A really started server: requests that two readers could read in two ways, files, headers."""

from __future__ import annotations

import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hands import hand, serve_in

TWICE = "Authorization: Bearer pt_a_b\r\nAuthorization: Bearer pt_c_d\r\n"
BOTH = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    import os

    home = tmp_path_factory.mktemp("hygiene") / "home"
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")}
    environment = {
        **kept,
        "PACKTRAIL_DATA_DIR": str(home),
        "PACKTRAIL_TRUSTED_PROXIES": '["10.0.0.0/8"]',
        "PYTHONUNBUFFERED": "1",
    }
    key = hand(environment)(
        "access", "new-key", "till", "--role", "pharmacist", "--database", home / "packtrail.db"
    ).out.strip()
    with serve_in(environment) as server:
        yield server, home, key, environment


def raw(address: str, head: str, body: str = "") -> bytes:
    """What comes back for a request as written, until the server closes or falls silent."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(head.encode() + b"\r\n" + body.encode())
        line.shutdown(socket.SHUT_WR)
        said = b""
        while piece := line.recv(65536):
            said += piece
    return said


def test_two_lengths_are_refused_and_the_line_closed(started) -> None:
    server, *_ = started
    head = f"POST /packs/verify HTTP/1.1\r\nHost: localhost\r\n{BOTH}"
    smuggled = "0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    said = raw(server.address, head, smuggled)
    assert said.startswith(b"HTTP/1.1 400")
    assert said.count(b"HTTP/1.1") == 1
    assert b"connection: close" in said.lower()


@pytest.mark.parametrize("more", [TWICE, "Host: other\r\n"])
def test_a_header_that_may_stand_once_is_refused_twice(started, more: str) -> None:
    server, *_ = started
    for path in ("/health", "/packs/status?gtin=1&serial=2"):
        said = raw(server.address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}")
        assert said.startswith(b"HTTP/1.1 400"), said


def test_head_says_what_get_says_without_the_body(started) -> None:
    server, _, key, _ = started
    with httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as http:
        for path in ("/health", "/workstation", "/static/icon.svg", "/log/checkpoint"):
            got, head = http.get(path), http.head(path)
            assert (got.status_code, head.status_code) == (200, 200), path
            assert head.content == b""
            assert head.headers["content-type"] == got.headers["content-type"]


def test_answers_about_data_are_not_kept_by_caches(started) -> None:
    server, _, key, _ = started
    with httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as http:
        for path in ("/", "/workstation", "/fmd/alerts", "/recalls"):
            assert "no-store" in http.get(path).headers["cache-control"], path


def test_no_other_user_of_the_machine_reads_the_files(started) -> None:
    _, home, _, _ = started
    for path in [home, *Path(home).rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_start_says_that_keys_are_not_encrypted(started) -> None:
    server, *_ = started
    assert "not encrypted" in server.greeting


def test_after_the_last_key_ended_nobody_enters_until_the_machine_makes_one(tmp_path) -> None:
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")}
    environment = {**kept, "PACKTRAIL_DATA_DIR": str(tmp_path / "home"), "PYTHONUNBUFFERED": "1"}
    run = hand(environment)
    with serve_in(environment) as server, httpx.Client(base_url=server.address) as http:
        assert http.get("/recalls").status_code == 200
        key = run("access", "new-key", "first", "--scopes", "query,admin").out.strip()
        assert http.get("/recalls").status_code == 401
        assert run("access", "revoke-key", key.split("_")[1]).code == 0
        assert http.get("/recalls").status_code == 401
    with serve_in(environment) as server, httpx.Client(base_url=server.address) as http:
        assert "Nobody can enter" in server.greeting
        assert http.get("/recalls").status_code == 401
        assert http.get("/recalls", headers={"Authorization": f"Bearer {key}"}).status_code == 401
        other = run("access", "new-key", "second", "--scopes", "query,admin").out.strip()
        back = {"Authorization": f"Bearer {other}"}
        assert http.get("/recalls", headers=back).status_code == 200
