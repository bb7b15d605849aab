"""A newcomer's hands: the command line and a really started server."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return orjson.loads(self.out)


@dataclass(frozen=True)
class Server:
    """A running server: its address and what it said at start."""

    address: str
    greeting: str
    process: subprocess.Popen[str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh data directory."""
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")}
    return {**kept, "PACKTRAIL_DATA_DIR": str(home), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def packtrail(environment: dict[str, str]) -> Callable[..., Ran]:
    """Run one packtrail command."""
    return hand(environment)


def hand(environment: dict[str, str]) -> Callable[..., Ran]:
    """A way to run packtrail commands in `environment`."""

    def run(*words: object, stdin: bytes = b"") -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "compliance.service.cli", *map(str, words)],
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in ran.err, ran.err
        return ran

    return run


@pytest.fixture
def serving(environment: dict[str, str]) -> Callable[..., object]:
    """Start a server as a user would, wait for its greeting, stop it at the end."""
    return functools.partial(serve_in, environment)


@contextmanager
def serve_in(environment: dict[str, str], *words: str, **more: str) -> Iterator[Server]:
    """A server started in `environment` and `more`."""
    command = [sys.executable, "-m", "compliance.service.cli", "serve", "--port", "0", *words]
    process = subprocess.Popen(
        command,
        env={**environment, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        greeting = _greeting(process, until="Sign in once" if "--demo" in words else "listens")
        address = re.search(r"listens on (\S+?)/\s", greeting)
        assert address, greeting
        yield Server(address[1], greeting, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _greeting(process: subprocess.Popen[str], until: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if until in line:
            return said
    _, err = process.communicate()
    raise AssertionError(f"the server did not start: {said}{err}")
