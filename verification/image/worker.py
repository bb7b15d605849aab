"""Reading pictures in a process of its own: what kills a native decoder kills only that process.

The worker has a ceiling on memory; the caller a clock. Whatever ends the worker (a crash, an
exhausted ceiling, the clock) becomes a finding, and the next picture gets a new worker.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import msgspec

from schemas.finding import Finding, Severity
from verification.image.limits import Limits
from verification.image.symbol import Mark, PictureReading

if TYPE_CHECKING:
    from types import TracebackType

MEMORY_BYTES_MAX = 2 * 1024**3
"""Address space of a worker: a page of 40 megapixels and every stage fit in it."""
TIMEOUT_S = 20.0
"""How long one picture may take unless the caller says otherwise."""
SOON_S = 0.4
"""How long a worker has its full priority; most pictures take a tenth of that."""
SLOW_NICENESS = 15
"""Priority of a worker that takes longer; a tenth of the share of one that does not."""
ANSWER_BYTES_MAX = 64 * 1024**2
"""Longest answer accepted from a worker."""
_LENGTH_BYTES = 8


class Task(msgspec.Struct, frozen=True):
    """One picture for the worker."""

    data: bytes
    limits: Limits


class Answer(msgspec.Struct, frozen=True):
    """What the worker saw; it is put into GS1 words in the caller's process."""

    marks: list[Mark]
    findings: list[Finding]
    pages: int


@dataclass(frozen=True, slots=True)
class Died(Exception):  # noqa: N818  # it is the worker that died
    """The worker gave no answer; why, in words for a person."""

    why: str


class PictureReader:
    """Reads pictures in a worker process, one after the other; safe to share between threads.

    >>> with PictureReader() as reader:
    ...     reader.read(b"").error
    'the file is empty'
    """

    def __init__(
        self, *, limits: Limits | None = None, memory_bytes_max: int = MEMORY_BYTES_MAX
    ) -> None:
        self._limits = limits or Limits()
        self._memory_bytes_max = memory_bytes_max
        self._worker: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self.was_slow = False
        """Whether the last picture took so long that the worker gave way to others."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, data: bytes, timeout_s: float = TIMEOUT_S) -> PictureReading:
        """The symbols of a picture file; never raises for what the picture does."""
        from verification.image.picture import reading_of  # noqa: PLC0415  # loads the decoders

        if len(data) > self._limits.size_bytes_max:
            return PictureReading(findings=(_too_large(len(data), self._limits),))
        with self._turn:
            self.was_slow = False
            try:
                answer = self._ask(Task(data, self._limits), timeout_s)
            except Died as death:
                self._end()
                return PictureReading(findings=(_died(death.why),))
        return reading_of(answer.marks, answer.findings, answer.pages)

    def close(self) -> None:
        """End the worker."""
        with self._turn:
            self._end()

    def _ask(self, task: Task, timeout_s: float) -> Answer:
        worker = self._running()
        until = time.monotonic() + timeout_s
        try:
            _write_all(worker, msgspec.msgpack.encode(task), until)
            self._give_way_if_slow(worker, until)
            return msgspec.msgpack.decode(_read_frame(worker, until), type=Answer)
        except (BrokenPipeError, msgspec.DecodeError):
            raise Died("the decoder gave up on it") from None

    def _give_way_if_slow(self, worker: subprocess.Popen[bytes], until: float) -> None:
        """Lower the worker's priority where it does not answer soon: shorter pictures go first.

        A process may not raise its priority again, so such a worker should read no other picture.
        """
        left_s = min(SOON_S, until - time.monotonic())
        if select.select([_fileno(worker.stdout)], [], [], max(left_s, 0))[0]:
            return
        self.was_slow = True
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, worker.pid, SLOW_NICENESS)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._worker is not None and self._worker.poll() is None:
            return self._worker
        self._end()
        house = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [house, os.environ.get("PYTHONPATH", "")]))
        self._worker = subprocess.Popen(  # noqa: S603  # our own module, no shell
            [sys.executable, "-m", "verification.image.worker", str(self._memory_bytes_max)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        for pipe in (self._worker.stdin, self._worker.stdout):
            os.set_blocking(_fileno(pipe), False)
        return self._worker

    def _end(self) -> None:
        if self._worker is None:
            return
        self._worker.kill()
        self._worker.wait()
        for pipe in (self._worker.stdin, self._worker.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._worker = None


def _fileno(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise RuntimeError("the worker was started without pipes")
    return pipe.fileno()


def _too_large(size_bytes: int, limits: Limits) -> Finding:
    what = f"the file has {size_bytes} bytes, at most {limits.size_bytes_max} are taken"
    return Finding("image.too-large", Severity.ERROR, what, "Send a smaller picture.")


def _died(why: str) -> Finding:
    return Finding(
        "image.unreadable",
        Severity.ERROR,
        f"the picture could not be read: {why}",
        "Take the picture again, or save it as PNG or JPEG in a smaller size.",
    )


def _wait(fileno: int, until: float, *, write: bool) -> None:
    left_s = until - time.monotonic()
    waiting = [fileno]
    ready = select.select([] if write else waiting, waiting if write else [], [], max(left_s, 0))
    if not any(ready):
        raise Died("it took too long")


def _write_all(worker: subprocess.Popen[bytes], body: bytes, until: float) -> None:
    """Send one frame; a worker that does not take it in time counts as dead."""
    fileno = _fileno(worker.stdin)
    left = memoryview(len(body).to_bytes(_LENGTH_BYTES, "big") + body)
    while left:
        _wait(fileno, until, write=True)
        left = left[os.write(fileno, left) :]


def _read_frame(worker: subprocess.Popen[bytes], until: float) -> bytes:
    fileno = _fileno(worker.stdout)
    size = int.from_bytes(_read_exactly(fileno, _LENGTH_BYTES, until), "big")
    if size > ANSWER_BYTES_MAX:
        raise Died("the decoder's answer is too long")
    return _read_exactly(fileno, size, until)


def _read_exactly(fileno: int, size: int, until: float) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        _wait(fileno, until, write=False)
        part = os.read(fileno, min(size - len(parts), 1 << 20))
        if not part:
            raise Died("the decoder gave up on it")
        parts += part
    return bytes(parts)


def work(memory_bytes_max: int) -> None:
    """The worker's life: frames in on standard input, answers out on standard output."""
    import resource  # noqa: PLC0415  # POSIX only, as is the worker

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a native library prints must not get between the answers
    from verification.image.picture import marks_of  # noqa: PLC0415  # under the ceiling already

    while head := sys.stdin.buffer.read(_LENGTH_BYTES):
        body = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        task = msgspec.msgpack.decode(body, type=Task)
        try:
            seen = Answer(*marks_of(task.data, task.limits))
        except MemoryError:
            seen = Answer([], [_died("it needs more memory than a picture may take")], 0)
        answer = msgspec.msgpack.encode(seen)
        answers.write(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)
        answers.flush()


if __name__ == "__main__":
    work(int(sys.argv[1]))
