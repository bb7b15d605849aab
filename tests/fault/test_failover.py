"""The primary is killed and the standby promoted: what was acknowledged is there, and work goes on.

Both are made by the scripts of `deploy/postgresql`, as the compose file starts them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from chain import pack, see
from databases import BINARIES, START_S_MAX, _unprivileged
from service import Service, eventually

from epcis.codec.document import write_event_json
from epcis.fsck import fsck
from epcis.http_context import utc_now
from epcis.ledger.store import Store
from epcis.store.items import item
from schemas.gs1.epc import canonical_key

pytestmark = pytest.mark.postgresql
SCRIPTS = Path(__file__).resolve().parents[2] / "deploy" / "postgresql"


class Node:
    """One PostgreSQL of the pair, reachable through a socket in its folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, mode=0o700)
        self.log = (folder / f"{name}.log").open("wb")
        if os.geteuid() == 0:
            for path in (self.folder, self.data):
                shutil.chown(path, _unprivileged())
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{BINARIES}:{os.environ['PATH']}"
        return {"PATH": path, "LC_ALL": "C", "PGDATA": str(self.data), "PGUSER": "postgres",
                "PGHOST": str(self.folder), **more}  # fmt: skip

    def run(self, *command: str, **more: str) -> None:
        subprocess.run(self._as_it(command), check=True, cwd=self.folder, stdout=self.log,
                       stderr=self.log, env=self.environment(**more))  # fmt: skip

    def start(self, *command: str, **more: str) -> None:
        self.process = subprocess.Popen(
            self._as_it(command), cwd=self.folder, stdout=self.log, stderr=self.log,
            env=self.environment(**more), start_new_session=True,
        )  # fmt: skip

    def wait(self) -> None:
        eventually(self._answers, START_S_MAX)

    def _answers(self) -> bool:
        asked = subprocess.run(
            [str(BINARIES / "pg_isready"), "-h", str(self.folder), "-q"], check=False
        )
        return asked.returncode == 0

    def kill(self) -> None:
        """As a power cut would: the server and all of its processes."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _as_it(self, command: tuple[str, ...]) -> list[str]:
        if os.geteuid() != 0:
            return [*command]
        return ["setpriv", f"--reuid={_unprivileged()}", "--clear-groups", *command]


@pytest.fixture
def pair():
    """A primary whose commits the standby confirms."""
    if not (BINARIES / "initdb").exists():
        pytest.skip(f"PostgreSQL is not installed in {BINARIES}")
    folder = Path(tempfile.mkdtemp(prefix="pt-pair-"))
    folder.chmod(0o755)
    scripts = folder / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    passwords = {"PACKTRAIL_DB_PASSWORD": "program1", "REPLICATION_PASSWORD": "standby1"}
    primary, standby = Node(folder, "a"), Node(folder, "b")
    quiet = ("-c", "listen_addresses=")
    try:
        primary.run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")
        primary.start("postgres", "-k", str(primary.folder), *quiet,
                      "-c", "synchronous_standby_names=standby")  # fmt: skip
        primary.wait()
        primary.run("sh", str(scripts / "primary.sh"), **passwords)
        standby.start("sh", str(scripts / "standby.sh"), "-k", str(standby.folder), *quiet,
                      PRIMARY_HOST=str(primary.folder), **passwords)  # fmt: skip
        standby.wait()
        yield primary, standby
    finally:
        for node in (primary, standby):
            node.kill()
            node.log.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_killed_primary_loses_nothing_and_the_standby_takes_over(pair, tmp_path, record_property):
    primary, standby = pair
    url = (
        f"postgresql://packtrail@/packtrail?host={primary.folder},{standby.folder}"
        "&target_session_attrs=read-write"
    )
    kept: list[str] = []
    odd: list[tuple[int, bytes]] = []
    stop = threading.Event()

    def send(service: Service, sender: int) -> None:
        serial = 0
        while not stop.is_set():
            serial += 1
            epc = pack(f"{sender}x{serial}")
            body = write_event_json(see(serial % 5000, [epc], "storing"))
            status, _, said = service.ask("POST", "/epcis/events", body)
            if status == 201:
                kept.append(epc)
            elif status != 503:
                odd.append((status, said))
            else:
                stop.wait(0.02)

    with Service(tmp_path, url) as service:
        senders = [threading.Thread(target=send, args=(service, n)) for n in range(3)]
        for sender in senders:
            sender.start()
        try:
            eventually(lambda: len(kept) > 20)
            killed_s = time.monotonic()
            primary.kill()
            acknowledged = len(kept)
            standby.run("pg_ctl", "promote", "-w")
            eventually(lambda: len(kept) > acknowledged + 10)
            back_s = time.monotonic() - killed_s
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        assert "Traceback" not in service.log
    assert odd == []
    store = Store.open(url)
    with store.read() as snapshot:
        lost = [epc for epc in kept if not item(snapshot, canonical_key(epc))]
    assert lost == []
    assert list(fsck(store, now=utc_now())) == []
    store.close()
    record_property("failover_s", round(back_s, 1))  # from the kill to ten captures more
