"""What every test may lean on: example documents and a network that ends at loopback."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from material import EXAMPLES, NO_PUBLISHED, PUBLISHED

pytest_plugins = ("databases", "trace_matrix")

settings.register_profile(
    "packtrail",
    deadline=None,  # a slow machine is not a fault of the code
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="PACKTRAIL_SKIPS_FAIL" in os.environ,  # new examples by hand, not at a merge
)
settings.load_profile("packtrail")


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the example shipment, its master data and pictures."""
    return EXAMPLES


@pytest.fixture(scope="session")
def shared() -> Path:
    """The `data` folder of published documents; a test that needs it skips where it is absent."""
    if not PUBLISHED.is_dir():
        pytest.skip(NO_PUBLISHED)
    return PUBLISHED


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


def _skipped(reporter: pytest.TerminalReporter) -> tuple[int, int]:
    """How many tests skipped for want of the published documents, and how many for other reasons.

    A report that skipped carries (path, line, "Skipped: reason").
    """
    reports = reporter.stats.get("skipped", [])
    conformance = sum(NO_PUBLISHED in str(report.longrepr) for report in reports)
    return conformance, len(reports) - conformance


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many conformance tests did not run, and why a run that must not skip has failed."""
    conformance, others = _skipped(terminalreporter)
    if conformance:
        terminalreporter.write_line(f"{conformance} conformance tests did not run: {NO_PUBLISHED}")
    if others and os.environ.get("PACKTRAIL_SKIPS_FAIL"):
        terminalreporter.write_line(f"{others} tests skipped where none may", red=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In a run that must not skip, a skip is a failure, but for the conformance tests."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    must_run = os.environ.get("PACKTRAIL_SKIPS_FAIL") and not hasattr(session.config, "workerinput")
    if must_run and exitstatus == 0 and reporter and _skipped(reporter)[1]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
