"""What every test may lean on: the published examples and a network that ends at loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).resolve().parent

pytest_plugins = ("databases",)

settings.register_profile(
    "packtrail",
    deadline=None,  # a slow machine is not a fault of the code
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="PACKTRAIL_SKIPS_FAIL" in os.environ,  # new examples by hand, not at a merge
)
settings.load_profile("packtrail")


def _shared() -> Path:
    """The folder of published schemas, examples and vectors; beside the checkout by default."""
    return Path(os.environ.get("PACKTRAIL_SHARED", HERE.parent.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The `data` folder of published material; a test that needs it skips where it is absent."""
    data = _shared() / "data"
    if not data.is_dir():
        pytest.skip("published schemas and examples are not beside the checkout (../shared/data)")
    return data


@pytest.fixture(scope="session", autouse=True)
def _network_ends_at_loopback() -> None:
    """Refuse any connection that leaves this machine, whoever opens it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            host = "127.0.0.1" if address[0] == "localhost" else str(address[0])
            if not ipaddress.ip_address(host).is_loopback:
                raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why a run that must not skip has failed."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("PACKTRAIL_SKIPS_FAIL"):
        terminalreporter.write_line(f"{len(skipped)} tests skipped where none may", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In a run that must not skip, a skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    must_run = os.environ.get("PACKTRAIL_SKIPS_FAIL") and not hasattr(session.config, "workerinput")
    if must_run and exitstatus == 0 and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
