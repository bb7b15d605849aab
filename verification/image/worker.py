"""The process that decodes pictures: what kills a native decoder kills only a child of it.

`python -m verification.image.worker` loads the decoders once and then forks: every socket that it
is handed gets a child that answers on it, picture after picture, until the other side closes. A
fork costs a few milliseconds where a new process would load the decoders for half a second, and
the children share its memory. Each child has a ceiling on memory and kills itself when a picture
takes longer than it may. `verification.image.reader` is the other side.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity
from verification.image.limits import PictureLimits  # noqa: TC001  # msgspec decodes into it
from verification.image.symbol import Mark  # noqa: TC001  # as above

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH: Final = struct.Struct(">Q")
"""Head of every frame: how many bytes follow."""
HANDED_OVER: Final = b"\0"
"""The byte that a socket travels with."""


class Task(msgspec.Struct, frozen=True):
    """One picture for a worker."""

    data: bytes
    limits: PictureLimits
    timeout_s: float
    """Wall-clock seconds after which the worker ends itself."""


class Answer(msgspec.Struct, frozen=True):
    """What the worker saw; it is put into GS1 words in the caller's process."""

    marks: list[Mark]
    findings: list[Finding]
    pages: int


def unreadable(why: str) -> Finding:
    """The finding about a picture that ended its worker."""
    return Finding(
        "image.unreadable",
        Severity.ERROR,
        f"the picture could not be read: {why}",
        "Take the picture again, or save it as PNG or JPEG in a smaller size.",
    )


def serve(link: socket.socket, answer: Callable[[Task], Answer]) -> None:
    """Answer the tasks that come over a socket until the other side closes it."""
    stream = link.makefile("rwb")
    stream.write(LENGTH.pack(os.getpid()))
    stream.flush()
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        body = stream.read(LENGTH.unpack(head)[0])
        task = msgspec.msgpack.decode(body, type=Task)
        # Unhandled, the alarm ends the process, whatever native code is at work.
        signal.setitimer(signal.ITIMER_REAL, max(task.timeout_s, 0.001))
        try:
            seen = answer(task)
        except MemoryError:
            seen = Answer([], [unreadable("it needs more memory than a picture may take")], 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        frame = msgspec.msgpack.encode(seen)
        stream.write(LENGTH.pack(len(frame)) + frame)
        stream.flush()


def main(memory_bytes_max: int, control: socket.socket) -> None:
    """Load the decoders under the ceiling, then fork a child for every socket that comes."""
    import resource  # POSIX only, as is the worker

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from verification.image.picture import marks_of  # under the ceiling already

    def answer(task: Task) -> Answer:
        return Answer(*marks_of(task.data, task.limits))

    gc.collect()
    gc.freeze()  # collecting in a child would copy the pages that it shares
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    while True:
        message, handed, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        link = socket.socket(fileno=handed[0])
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                serve(link, answer)
            finally:
                os._exit(0)
        link.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
