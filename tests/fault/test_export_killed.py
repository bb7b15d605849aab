"""A dossier that is being made when the machine dies is finished afterwards, not begun anew."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from hands import environment, home, serving  # noqa: F401  # fixtures

from compliance.dossier import EventPeriod, export, verify_export
from compliance.seal.operator_keys import open_keys
from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.capture import record
from epcis.model import ObjectEvent

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
EVENTS = 15_000
PATIENCE_S = 90
PROVED = ("events.ndjson", "events.csv", "records.ndjson", "log/index.bin")


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:  # noqa: F811  # the fixture above
    """A house with events enough that a dossier of them takes a while."""
    found = Settings(data_dir=Path(environment["PACKTRAIL_DATA_DIR"]))
    store = open_migrated(found)
    day = (NOW - timedelta(days=1)).isoformat()
    for start in range(0, EVENTS, 5_000):
        with store.write(NOW - timedelta(days=1)) as tx:
            record(tx, [
                ObjectEvent(event_time=day, event_time_zone_offset="+00:00", action="OBSERVE",
                            biz_step="inspecting",
                            epcs=(f"urn:epc:id:sgtin:0355555.067890.{number}",))
                for number in range(start, start + 5_000)
            ])  # fmt: skip
    store.close()
    return found


def marked(folder: Path) -> int:
    """How far a dossier under way in a folder has noted to be; 0 where nothing is noted."""
    for mark in folder.glob(".*.part/mark.json"):
        return int(json.loads(mark.read_bytes())["so_far"]["events"])
    return 0


def wait_for(what: Callable[[], object]) -> object:
    """What it gives, once it gives something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if (found := what()) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_a_command_killed_midway_goes_on_where_it_was(settings, environment, tmp_path):  # noqa: F811
    out = tmp_path / "all.asice"
    words = ["export", "--from", "2026-01-01", "--to", "2027-01-01", "-o", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "compliance.service.cli", *words], env=environment
    )
    wait_for(lambda: marked(tmp_path) or process.poll())
    process.send_signal(signal.SIGKILL)
    process.wait()
    noted = marked(tmp_path)
    assert noted
    assert not out.exists()
    store, keys = open_migrated(settings), open_keys(settings)
    seen: list[int] = []
    period = EventPeriod(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    export(store, period, out, keys, now=NOW, by="command", progress=lambda n, _: seen.append(n))
    assert seen[0] > noted
    assert verify_export(out, keys.root_pem()).exit_code == 0
    whole = tmp_path / "whole.asice"
    export(store, period, whole, keys, now=NOW, by="command")
    store.close()
    with ZipFile(out) as one, ZipFile(whole) as other:
        assert [one.read(name) for name in PROVED] == [other.read(name) for name in PROVED]
    assert list(tmp_path.glob(".*.part")) == []


def test_a_server_killed_midway_finishes_the_job_when_it_is_back(settings, serving):  # noqa: F811
    said = {"kind": "period", "from": "2026-01-01", "to": "2027-01-01"}
    folder = settings.data_dir / "exports"
    with serving() as server:
        asked = httpx.post(f"{server.address}/exports", json=said).json()
        wait_for(lambda: marked(folder) or None)
        server.process.kill()
        server.process.wait()
    assert not (folder / f"{asked['id']}.asice").exists()
    with serving() as server:
        address = f"{server.address}/exports/{asked['id']}"

        def ready() -> dict | None:
            job = httpx.get(address).json()
            return job if job["state"] in ("ready", "refused") else None

        assert wait_for(ready)["state"] == "ready"
        path = settings.data_dir / "fetched.asice"
        path.write_bytes(httpx.get(f"{address}/file").content)
    assert verify_export(path, open_keys(settings).root_pem()).exit_code == 0
