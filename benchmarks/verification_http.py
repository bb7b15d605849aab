"""How fast verification answers over HTTP, against bare servers measured in the same run.

    python -m benchmarks.verification_http [--packs 250000] [--turns 5] [--postgresql URL] [--peer]

Needs Debian's `wrk`, and asyncpg for the calibration on PostgreSQL. Every figure is a ratio within
one run; the calibration servers are the smallest that can answer at all: plain ASGI, one key
lookup, no framework, no audit; on the same HTTP server as ours (`--http`, as uvicorn names them).
`--peer` installs quartet_vrs 2.0.3 into the scratch folder and loads it in the same turns. Then it
is told whether a stranger can tell an unknown serial number from a wrong lot or expiry by time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.verification_peer import EVENT_PACKS as PEER_EVENTS
from benchmarks.verification_peer import EXPIRY as PEER_EXPIRY
from benchmarks.verification_peer import PACKS as PEER_PACKS
from benchmarks.verification_peer import PeerServer
from benchmarks.verification_stranger import say_times

ROOT = Path(__file__).resolve().parent.parent
GTIN, LOT, EXPIRY = "05901234123457", "A123", "2030-05-31"
UUID = "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"
EVENT_PACKS = 1000
CONNECTIONS = 16


def serial_of(number: int) -> str:
    """Random-looking serials that the load generator can compute too."""
    return str(100_000_000_000 + (number * 7_919_993 + 12_345) % 899_999_999_981)


def fill(url: str, packs: int) -> None:
    """A store with one product of `packs` commissioned packs, by the ordinary capture code."""
    import compliance.service.migrations.tables  # noqa: F401  # declares every table
    import verification.registry.pack_tables  # noqa: F401
    from compliance.service import access
    from epcis.capture import record
    from epcis.ledger.store import Store
    from epcis.model import Node, ObjectEvent

    store = Store.open(url)
    store.create_all()
    now = datetime.now(UTC)
    cbv = "urn:epcglobal:cbv:mda"
    ilmd = (
        Node(namespace=cbv, name="lotNumber", children=(LOT,)),
        Node(namespace=cbv, name="itemExpirationDate", children=(EXPIRY,)),
    )
    for start in range(0, packs, EVENT_PACKS):
        epcs = tuple(
            f"https://id.gs1.org/01/{GTIN}/21/{serial_of(number)}"
            for number in range(start, min(start + EVENT_PACKS, packs))
        )
        event = ObjectEvent(
            event_time=f"2026-01-01T00:00:00.{start // EVENT_PACKS:06d}Z",
            event_time_zone_offset="+00:00",
            action="ADD",
            biz_step="urn:epcglobal:cbv:bizstep:commissioning",
            disposition="urn:epcglobal:cbv:disp:active",
            epcs=epcs,
            ilmd=ilmd,
        )
        with store.write(now) as tx:
            record(tx, [event])
    with store.write(now) as tx:
        everything = access.Grant("bench", access.EVERYTHING)
        stranger = access.Grant("stranger", frozenset({"verify"}), "/414/0366666000014")
        keys = [access.new_key(tx, grant, now=now) for grant in (everything, stranger)]
    Path(os.environ["BENCH_KEY"]).write_text("\n".join(keys))
    store.close()


# ---------------------------------------------------------------- servers, each in its own process


def bare_sqlite(path: str):
    """Calibration: ASGI and one SQLite lookup, nothing else."""
    from epcis.database.columns import pack_key

    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    look = (
        "SELECT i.id, s.status FROM item i JOIN item_state s ON s.id = i.state_id"
        " WHERE i.id = (SELECT id FROM item_key WHERE key = ?)"
    )

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        parts = scope["path"].split("/")
        key = pack_key(f"/01/{parts[3]}/21/{parts[7]}")
        row = db.execute(look, (key,)).fetchone()
        body = b'{"verified":true}' if row else b'{"verified":false}'
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    return app


def bare_asyncpg(url: str):
    """Calibration: ASGI and one lookup through asyncpg."""
    import asyncpg

    from epcis.database.columns import pack_key

    pool = None
    making = asyncio.Lock()
    look = (
        "SELECT i.id, s.status FROM item i JOIN item_state s ON s.id = i.state_id WHERE i.key = $1"
    )

    async def app(scope, receive, send):
        nonlocal pool
        if scope["type"] != "http":
            return
        async with making:
            if pool is None:
                plain = url.replace("postgresql+psycopg", "postgresql")
                pool = await asyncpg.create_pool(plain, min_size=CONNECTIONS, max_size=CONNECTIONS)
        parts = scope["path"].split("/")
        row = await pool.fetchrow(look, pack_key(f"/01/{parts[3]}/21/{parts[7]}"))
        body = b'{"verified":true}' if row else b'{"verified":false}'
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


def packtrail(url: str):
    """The application itself, as `packtrail serve` makes it, on this store."""
    from compliance.seal import Keys
    from compliance.service.app import create_app
    from compliance.service.context import ServiceContext
    from compliance.service.settings import Settings
    from epcis.ledger.store import Store

    scratch = Path(tempfile.mkdtemp())
    settings = Settings(database=url, data_dir=scratch, unknown_answers_a_day=1_000_000)
    keys = Keys.open(scratch / "keys", None)
    return create_app(ServiceContext.of(settings, Store.open(url), keys))


def serve(kind: str, opts) -> None:
    import uvicorn

    make = {"bare": bare_sqlite, "asyncpg": bare_asyncpg, "packtrail": packtrail}[kind]
    loop = {"h11": "asyncio", "httptools": "uvloop"}.get(opts.http, "auto")
    uvicorn.run(
        make(opts.database),
        port=opts.port,
        http=opts.http,
        loop=loop,
        log_level="warning",
        access_log=False,
        lifespan="off",
    )


# ---------------------------------------------------------------- load

LUA = {
    "vrs": """
local n = 0
request = function()
  n = n + 1
  local s = serial(n * 104729 % PACKS)
  return wrk.format("GET", "/verify/gtin/GTIN/lot/LOT/ser/" .. s ..
    "?exp=300531&linkType=verificationService&reqGLN=0366666000014&corrUUID=@UUID@")
end""",
    "status": """
local n = 0
request = function()
  n = n + 1
  local s = serial(n * 104729 % PACKS)
  return wrk.format("GET", "/packs/status?gtin=GTIN&serial=" .. s .. "&lot=LOT&expiry=300531")
end""",
    "verify": """
local n = 0
wrk.headers["content-type"] = "application/json"
request = function()
  n = n + 1
  local s = serial(n * 104729 % PACKS)
  return wrk.format("POST", "/packs/verify", nil,
    '{"gtin":"GTIN","serial":"' .. s .. '","lot":"LOT","expiry":"300531"}')
end""",
    "supply": """
local n = OFFSET
wrk.headers["content-type"] = "application/json"
request = function()
  n = n + 1
  local s = serial(n)
  return wrk.format("POST", "/packs/supply", nil,
    '{"gtin":"GTIN","serial":"' .. s .. '","lot":"LOT","expiry":"300531"}')
end""",
}
SERIAL = """
function serial(n)
  return string.format("%d", 100000000000 + (n * 7919993 + 12345) % 899999999981)
end
"""
DONE = """
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.status, latency:percentile(95), latency:percentile(99)))
end"""


class Figures:
    """What the runs of one load against one server measured, summed."""

    def __init__(self):
        self.requests = self.refused = 0
        self.duration_us = self.cpu_s = 0.0
        self.p95_ms: list[float] = []

    def add(self, requests, duration_us, refused, p95_us, cpu_s):
        self.requests += requests
        self.refused += refused
        self.duration_us += duration_us
        self.cpu_s += cpu_s
        self.p95_ms.append(p95_us / 1000)

    @property
    def rps(self):
        return self.requests / self.duration_us * 1e6

    @property
    def cpu_us(self):
        return self.cpu_s * 1e6 / max(self.requests, 1)

    def __str__(self):
        p95 = sorted(self.p95_ms)[len(self.p95_ms) // 2]
        return (
            f"{self.rps:7.0f} /s  p95 {p95:6.2f} ms  server {self.cpu_us:5.0f} us/request"
            f"  refused {self.refused}"
        )


def cpu_seconds(pid: int) -> float:
    """CPU of a process and its children, so that a database server can be counted too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Server:
    """A server in a process of its own, on a free port."""

    def __init__(self, kind: str, url: str, http: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "benchmarks.verification_http",
            "--serve",
            kind,
            "--database",
            url,
        ]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--http", http], cwd=ROOT
        )
        wait_for(self.port)

    @property
    def processes(self) -> list[int]:
        """Whose CPU time counts."""
        return [self.process.pid]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


def load(
    server,
    script: Path,
    key: str,
    seconds: int,
    into: Figures | None,
    *,
    connections: int = CONNECTIONS,
) -> None:
    """Load a server for some seconds and add what was measured."""
    before = sum(map(cpu_seconds, server.processes))
    said = subprocess.run(
        [
            *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)),
            *("-H", f"Authorization: Bearer {key}", f"http://127.0.0.1:{server.port}"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    cpu = sum(map(cpu_seconds, server.processes)) - before
    numbers = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", said)
    assert numbers, said
    requests, duration_us, refused, p95_us, _ = map(int, numbers.groups())
    if into is not None:
        into.add(requests, duration_us, refused, p95_us, cpu)


def script(kind: str, opts, offset: int = 0, packs: int = 0) -> Path:
    path = Path(opts.scratch) / f"{kind}-{offset}.lua"
    text = (
        LUA[kind]
        .replace("PACKS", str(packs or opts.packs))
        .replace("GTIN", GTIN)
        .replace("LOT", LOT)
    )
    text = text.replace("@UUID@", UUID).replace("OFFSET", str(offset))
    path.write_text(SERIAL + text + DONE)
    return path


def wait_for(port: int) -> None:
    for _ in range(1200):  # two minutes: a machine with other work starts slowly
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server did not start")


def say(name: str, figures: Figures, against: Figures | None = None, must: float = 0) -> None:
    ratio = ""
    if against is not None:
        value = figures.rps / against.rps
        by_cpu = against.cpu_us / figures.cpu_us
        ratio = f"  ratio {value:5.2f} (per cpu-second {by_cpu:5.2f}), must be {must}"
    print(f"{name:38} {figures}{ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=int, default=250_000)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--bulk", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--postgresql", default="")
    parser.add_argument("--scratch", default="")
    parser.add_argument("--http", default="auto", choices=("auto", "h11", "httptools"))
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--serve")
    parser.add_argument("--database")
    parser.add_argument("--port", type=int)
    opts = parser.parse_args()
    if opts.serve:
        serve(opts.serve, opts)
        return
    if shutil.which("wrk") is None:
        raise SystemExit("this needs wrk: apt-get install wrk")
    opts.scratch = opts.scratch or tempfile.mkdtemp()
    for url in (str(Path(opts.scratch) / "bench.db"), opts.postgresql):
        if url:
            compare(url, opts)


def compare(url: str, opts) -> None:
    is_sqlite = "://" not in url
    os.environ["BENCH_KEY"] = str(Path(opts.scratch) / ("key" if is_sqlite else "key-pg"))
    if not Path(os.environ["BENCH_KEY"]).exists():
        start = time.perf_counter()
        fill(url, opts.packs)
        print(f"filled {opts.packs} packs in {time.perf_counter() - start:.0f} s")
    key, stranger = Path(os.environ["BENCH_KEY"]).read_text().split()
    servers = {
        "bare": Server("bare" if is_sqlite else "asyncpg", url, opts.http),
        "ours": Server("packtrail", url, opts.http),
    }
    try:
        if opts.peer and is_sqlite:
            servers["peer"] = PeerServer(Path(opts.scratch), serial_of)
        figures = take_turns(servers, key, opts)
        say_ratios(figures, is_sqlite=is_sqlite)
        say_bulk(url, opts, figures["supply"])
        known = {"gtin": GTIN, "lot": LOT, "expiry": "300531"}
        serials = [serial_of(random.randrange(opts.packs)) for _ in range(1000)]
        say_times(servers["ours"].port, stranger, known, serials)
    finally:
        for server in servers.values():
            server.stop()


PEER_SECONDS = 6


def take_turns(servers, key: str, opts) -> dict[str, Figures]:
    """Load the servers turn and turn about: a busy moment of the machine falls on all alike."""
    loads = ["bare", "vrs", "verify", "status", "supply"]
    if "peer" in servers:
        loads += [f"peer, {size}" for size in PEER_EVENTS]
    figures = {name: Figures() for name in loads}
    offset = random.randrange(opts.packs // 2)
    for turn in range(opts.turns + 1):
        for name in loads:
            offset += 3000
            is_peer = name.startswith("peer")
            kind = "vrs" if name == "bare" or is_peer else name
            path = script(kind, opts, offset, PEER_PACKS if is_peer else 0)
            if is_peer:
                first = PEER_PACKS if name == "peer, small" else 0
                text = path.read_text().replace("exp=300531", f"exp={PEER_EXPIRY}")
                path.write_text(text.replace("serial(n *", f"serial({first} + n *"))
            server = servers["peer" if is_peer else name if name == "bare" else "ours"]
            into = figures[name] if turn else None
            if is_peer:
                # It answers a few dozen a second, one after the other: cut off early, or with many
                # requests under way, it would seem slower than it is.
                load(server, path, key, PEER_SECONDS, into, connections=1)
            else:
                load(server, path, key, opts.seconds, into)
    return figures


def say_ratios(figures: dict[str, Figures], *, is_sqlite: bool) -> None:
    plain = figures["bare"]
    audited, queried = (0.4, 0.65) if is_sqlite else (0.6, 0.6)
    say("bare ASGI + " + ("sqlite3" if is_sqlite else "asyncpg"), plain)
    say("VRS verify, authenticated, audited", figures["vrs"], plain, audited)
    say("pack verify, authenticated, audited", figures["verify"], plain, audited)
    say("status query, authenticated", figures["status"], plain, queried)
    say("supply, durable, against pack verify", figures["supply"], figures["verify"], 0.5)
    for size, event_packs in PEER_EVENTS.items():
        peer = figures.get(f"peer, {size}")
        if peer is not None:
            say(f"quartet_vrs 2.0.3, events of {event_packs}", peer)
            ratio = peer.cpu_us / figures["vrs"].cpu_us
            print(f"{'VRS verify, requests a core-second':38} {ratio:7.0f} x that, must be 100")


def say_bulk(url: str, opts, supply: Figures) -> None:
    """A bulk supply through the same engine, against single supplies over HTTP."""
    import verification.registry.pack_tables  # noqa: F401
    from epcis.ledger.store import Store
    from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
    from verification.decision.rule_pack import shipped
    from verification.fmd import bulk

    count = min(opts.bulk, opts.packs // 3)
    wanted = [
        PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial=serial_of(number), lot=LOT)
        for number in range(opts.packs - count, opts.packs)
    ]
    store = Store.open(url)
    with store.write(datetime.now(UTC)) as tx:
        bulk_id = bulk.submit(
            tx, wanted, Who(client="bench", role=ParticipantRole.PHARMACY, location="P"), shipped()
        )
    start_s, cpu_s = time.perf_counter(), time.process_time()
    bulk.work_off(store, bulk_id, lambda: datetime.now(UTC), shipped())
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    with store.read() as snapshot:
        done = sum(answer.http == 200 for answer in bulk.answers_of(snapshot, bulk_id))
    store.close()
    print(
        f"{'bulk supply':38} {count / wall_s:7.0f} /s  {cpu_s / count * 1e6:5.0f} us/pack"
        f"  done {done} of {count}  ratio {count / wall_s / supply.rps:5.2f}"
        f" (per cpu-second {supply.cpu_us / (cpu_s / count * 1e6):5.2f}), must be 5"
    )


if __name__ == "__main__":
    main()
