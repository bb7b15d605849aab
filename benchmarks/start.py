"""What a command costs before it does anything, and a server that nobody asks, on this machine.

Processor time, each the best of some runs, as ratios to a Python that imports what the command
cannot do without: SQLAlchemy and typer for `verify`, typer for the others. `serve` is measured from
its start to its first answer, then while nothing happens.

    python -m benchmarks.start [--rounds 5] [--idle-s 20]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TYPER = "import typer, typer.main, pydantic"
FLOORS = {
    "--help": TYPER,
    "parse": TYPER,
    "verify": f"{TYPER}, sqlalchemy, sqlalchemy.dialects.sqlite",
}
COMMANDS = {
    "--help": ["--help"],
    "parse": ["parse", "010950600013435221A1"],
    "verify": ["verify", "09506000134352", "1"],
}
PACKTRAIL = [sys.executable, "-m", "compliance.service.cli"]
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processor_s(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of a program from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(rounds: int, environment: dict[str, str]) -> None:
    for name, arguments in COMMANDS.items():
        # Taken in turns, so that a machine that becomes slower slows both.
        times = [
            (
                processor_s([*PACKTRAIL, *arguments], environment),
                processor_s([sys.executable, "-c", FLOORS[name]], environment),
            )
            for _ in range(rounds)
        ]
        ours, floor = (min(one) for one in zip(*times, strict=True))
        print(f"packtrail {name} / its libraries: {ours / floor:.2f} x  ({ours:.2f} s)")


def server(idle_s: float, environment: dict[str, str]) -> None:
    begun_s = time.monotonic()
    with subprocess.Popen(
        [*PACKTRAIL, "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        try:
            address = next(line.split()[-1] for line in process.stdout if "listens on" in line)
            urllib.request.urlopen(f"{address}health").read()
            print(f"serve to the first answer: {time.monotonic() - begun_s:.2f} s")
            print(f"processor time until then: {_spent_s(process.pid):.2f} s")
            time.sleep(3)  # the first looks of the workers
            before_s = _spent_s(process.pid)
            time.sleep(idle_s)
            share = (_spent_s(process.pid) - before_s) / idle_s
            print(f"idle processor: {100 * share:.2f} %")
            status = Path(f"/proc/{process.pid}/status").read_text()
            rss_kib = next(int(one.split()[1]) for one in status.splitlines() if "VmRSS" in one)
            print(f"idle memory: {rss_kib / 1024:.0f} MB")
        finally:
            process.terminate()


def _spent_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def main() -> None:
    """Print each figure on a line of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--idle-s", type=float, default=20.0)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Compiled files are kept, as they are where Packtrail is installed.
        left_out = ("PACKTRAIL_", "PYTHONDONTWRITEBYTECODE")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
        environment["PACKTRAIL_DATA_DIR"] = folder
        processor_s([*PACKTRAIL, *COMMANDS["verify"]], environment)  # makes the database
        commands(options.rounds, environment)
        server(options.idle_s, environment)


if __name__ == "__main__":
    main()
