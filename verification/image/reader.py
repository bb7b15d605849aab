"""Reading pictures in processes of their own, several at once, so that no picture keeps others.

A worker has a ceiling on memory; the caller a clock. Whatever ends a worker (a crash, an exhausted
ceiling, the clock) becomes a finding, and the next picture gets a new worker. One worker stays for
the next picture; others begin when they are needed and end when they are not.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from schemas.finding import Finding, Severity
from verification.image.limits import PictureLimits
from verification.image.symbol import PictureReading
from verification.image.worker import HANDED_OVER, LENGTH, Answer, Task, unreadable

if TYPE_CHECKING:
    from types import TracebackType

MEMORY_BYTES_MAX = 2 * 1024**3
"""Address space of a worker: a page of 40 megapixels and every stage fit in it."""
TIMEOUT_S = 20.0
"""How long one picture may take unless the caller says otherwise."""
ANSWER_BYTES_MAX = 64 * 1024**2
"""Longest answer accepted from a worker."""
WORKERS_MAX = 8
"""Pictures read at once. A large one takes some 300 MB while it is read."""
IDLE_KEPT = 1
"""Workers that wait for the next picture."""
SOON_S = 0.4
"""How long a worker has its full priority; most pictures take a tenth of that."""
SLOW_NICENESS = 5
"""Priority of a worker that takes longer: its share is a third of that of one that does not."""
_DECODERS = {
    "cv2": "opencv-python-headless",
    "pypdfium2": "pypdfium2",
}
"""Modules of the extra `pictures`, and the packages they are in."""
STARTS_MAX = 2
"""Attempts at handing a socket over: the process of the workers may have died meanwhile."""


@dataclass(frozen=True, slots=True)
class Died(Exception):  # noqa: N818  # it is the worker that died
    """The worker gave no answer; why, in words for a person."""

    why: str


class PictureReader:
    """Reads pictures in worker processes; safe to share between threads.

    >>> with PictureReader() as reader:
    ...     reader.read(b"").error
    'the file is empty'
    """

    def __init__(
        self,
        *,
        limits: PictureLimits | None = None,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        workers_max: int = WORKERS_MAX,
        idle_kept: int = IDLE_KEPT,
    ) -> None:
        self._limits = limits or PictureLimits()
        self._fork_server = _ForkServer(memory_bytes_max)
        self._free = threading.Semaphore(workers_max)
        self._lock = threading.Lock()
        self._idle: list[_PictureWorker] = []
        self._idle_kept = idle_kept
        self._closed = False

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
        """The symbols of a picture file; never raises for what the picture does.

        `timeout_s` is for waiting and reading together.
        """
        if missing := missing_decoders():
            return PictureReading(findings=(_without_decoders(missing),))
        from verification.image.picture import reading_of  # loads the decoders

        if len(data) > self._limits.size_bytes_max:
            return PictureReading(findings=(_too_large(len(data), self._limits),))
        until = time.monotonic() + timeout_s
        if not self._free.acquire(timeout=timeout_s):
            return PictureReading(findings=(_busy(),))
        try:
            answer = self._ask(data, until)
        except Died as death:
            return PictureReading(findings=(unreadable(death.why),))
        finally:
            self._free.release()
        return reading_of(answer.marks, answer.findings, answer.pages)

    def close(self) -> None:
        """End the workers that wait; those at work end with their picture."""
        with self._lock:
            self._closed = True
            waiting, self._idle = self._idle, []
        for worker in waiting:
            worker.end()
        self._fork_server.end()

    @property
    def idle_count(self) -> int:
        """Workers that wait for a picture."""
        return len(self._idle)

    def _ask(self, data: bytes, until: float) -> Answer:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and worker.has_ended:
            worker.end()
            worker = None
        worker = worker or self._fork_server.worker(until)
        keep = False
        try:
            answer = worker.ask(data, self._limits, until)
            with self._lock:
                keep = not (self._closed or worker.was_slow or len(self._idle) >= self._idle_kept)
                if keep:
                    self._idle.append(worker)
        finally:
            if not keep:
                worker.end()
        return answer


class _ForkServer:
    """The process whose children are the workers; it starts with the first of them."""

    def __init__(self, memory_bytes_max: int) -> None:
        self.program = [sys.executable, "-m", "verification.image.worker", str(memory_bytes_max)]
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def worker(self, until: float) -> _PictureWorker:
        """A new worker; raises Died where none can be had."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                self._hand_over(theirs)
            return _PictureWorker(ours, until)
        except BaseException:
            ours.close()
            raise

    def end(self) -> None:
        """End the process; its children go on with their pictures."""
        with self._lock:
            self._end()

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process, where it was started."""
        return self._process

    def _hand_over(self, link: socket.socket) -> None:
        for _ in range(STARTS_MAX):
            try:
                socket.send_fds(self._running(), [HANDED_OVER], [link.fileno()])
            except OSError:
                self._end()
            else:
                return
        raise Died("the decoder could not be started")

    def _running(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._process.poll() is None:
            return self._control
        self._end()
        checkout = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH", "")]))
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own module, no shell
                [*self.program, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # One thread only: a process with several must not fork.
                env={
                    **os.environ,
                    "PYTHONPATH": path,
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        self._control = ours
        return ours

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


class _PictureWorker:
    """One child: a socket to it, and its process id."""

    def __init__(self, link: socket.socket, until: float) -> None:
        self._link = link
        link.setblocking(False)
        self._pid = LENGTH.unpack(_read_exactly(link, LENGTH.size, until))[0]
        self.was_slow = False
        """Whether its last picture took so long that it gave way to others."""

    def ask(self, data: bytes, limits: PictureLimits, until: float) -> Answer:
        """What the worker sees in a picture; raises Died where it gives no answer in time."""
        task = Task(data, limits, until - time.monotonic())
        try:
            frame = msgspec.msgpack.encode(task)
            _write_all(self._link, LENGTH.pack(len(frame)) + frame, until)
            self._give_way_if_slow(until)
            size = LENGTH.unpack(_read_exactly(self._link, LENGTH.size, until))[0]
            if size > ANSWER_BYTES_MAX:
                raise Died("the decoder's answer is too long")
            return msgspec.msgpack.decode(_read_exactly(self._link, size, until), type=Answer)
        except (OSError, msgspec.DecodeError):
            raise Died("the decoder gave up on it") from None

    @property
    def has_ended(self) -> bool:
        """Whether the process closed its side; a waiting worker has nothing to say otherwise."""
        return bool(select.select([self._link], [], [], 0)[0])

    def end(self) -> None:
        """Let the process end: at once where it waits, with its picture or its alarm otherwise."""
        self._link.close()

    def _give_way_if_slow(self, until: float) -> None:
        """Lower the worker's priority where it does not answer soon: shorter pictures go first.

        A process may not raise its priority again, so such a worker reads no other picture.
        """
        left_s = min(SOON_S, until - time.monotonic())
        if select.select([self._link], [], [], max(left_s, 0))[0]:
            return
        self.was_slow = True
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._pid, SLOW_NICENESS)


def _wait(link: socket.socket, until: float, *, write: bool) -> None:
    left_s = until - time.monotonic()
    waiting = [link]
    ready = select.select([] if write else waiting, waiting if write else [], [], max(left_s, 0))
    if not any(ready):
        raise Died("it took too long")


def _write_all(link: socket.socket, body: bytes, until: float) -> None:
    """Send one frame; a worker that does not take it in time counts as dead."""
    left = memoryview(body)
    while left:
        _wait(link, until, write=True)
        left = left[link.send(left) :]


def _read_exactly(link: socket.socket, size: int, until: float) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        _wait(link, until, write=False)
        part = link.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise Died("the decoder gave up on it")
        parts += part
    return bytes(parts)


@cache
def missing_decoders() -> tuple[str, ...]:
    """The packages of the extra `pictures` that are not installed; none where pictures are read."""
    return tuple(name for module, name in _DECODERS.items() if find_spec(module) is None)


def _without_decoders(missing: tuple[str, ...]) -> Finding:
    return Finding(
        "image.not-installed",
        Severity.ERROR,
        f"this installation reads no pictures: {', '.join(missing)} are not installed",
        "Install packtrail[pictures], or scan with a hand scanner.",
    )


def _too_large(size_bytes: int, limits: PictureLimits) -> Finding:
    what = f"the file has {size_bytes} bytes, at most {limits.size_bytes_max} are taken"
    return Finding("image.too-large", Severity.ERROR, what, "Send a smaller picture.")


def _busy() -> Finding:
    return Finding(
        "image.busy",
        Severity.ERROR,
        "too many pictures are being read at once",
        "Try again in a moment.",
    )
