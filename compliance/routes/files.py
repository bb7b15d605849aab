"""`/files`: any EPCIS file explained and corrected; nothing of it is kept.

The body goes to the disk as it comes and is gone when the answer is given. What is answered is what
`packtrail check` answers: `compliance.rules.report`.
"""

from __future__ import annotations

import asyncio
import tempfile
from threading import BoundedSemaphore
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from compliance.context import compliance_settings_of
from compliance.rules.file import FileQuestion, asked_of
from compliance.rules.report import report_on
from epcis.http_context import Caller, needs, now_of, store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from compliance.rules.report import FileReport

router = APIRouter(prefix="/files", tags=["files"])

MayCheck = Annotated[Caller, Depends(needs("capture"))]
LINES: Final = "application/x-ndjson"
"""What a caller accepts who wants to see how far a long check is."""
NEWS_EVERY_S: Final = 1.0
SPOOL_MEMORY_BYTES: Final = 4 * 2**20
CHECKS_MAX: Final = 4
"""Checks at one time; each takes up to a few hundred megabytes for the largest files."""
CHECK_DEADLINE_S: Final = 600.0
ProfileName = Annotated[
    Literal[
        "auto", "epcis", "dscsa-r1.3", "dscsa-r1.2", "dscsa-lot-level", "dscsa-returns", "dscsa-3pl"
    ],
    Query(description="auto: as the file itself names its guideline"),
]  # fmt: skip
WithHistory = Annotated[
    bool, Query(description="ask the rules over history and partners as well; an operator's key")
]
_places = BoundedSemaphore(CHECKS_MAX)


class CheckTooLong(Exception):  # noqa: N818  # says what it is
    """The check took longer than `CHECK_DEADLINE_S`."""


@router.post("/check")
async def check(
    request: Request,
    caller: MayCheck,
    profile: ProfileName = "auto",
    *,
    history: WithHistory = False,
) -> Response:
    """Explain a file: what it says, what is wrong in it and where, and what can be corrected.

    With `Accept: application/x-ndjson` the answer is lines: how many bytes have been read, and the
    report last.
    """
    if history and caller.party is not None:
        raise Problem(403, "Not allowed", "history and partners are the operator's own")
    file = await received(request)
    work = Checking(request, file, profile, history=history)
    if LINES in request.headers.get("accept", ""):
        return StreamingResponse(work.lines(), media_type=LINES)
    try:
        report, _ = await asyncio.to_thread(work.report)
    finally:
        file.close()
    return JSONResponse(report.as_dict())


@router.post(
    "/correct",
    response_class=Response,
    responses={200: {"description": "the corrected file, in the syntax of the file that came"}},
)
async def correct(request: Request, _: MayCheck, profile: ProfileName = "auto") -> Response:
    """A corrected copy of a file, which differs in the safe changes alone.

    `POST /files/check` lists them beforehand.
    """
    file = await received(request)
    try:
        work = Checking(request, file, profile, history=False)
        report, copy = await asyncio.to_thread(work.report)
    finally:
        file.close()
    if copy is None:
        what = report.not_mendable or "no finding of this file has a safe correction"
        raise Problem(422, "Not corrected", what, findings=report.left)
    return Response(copy, media_type=media_type(copy))


def media_type(document: bytes) -> str:
    """The media type of a plain document.

    >>> media_type(b' {"type": "EPCISDocument"}')
    'application/json'
    """
    return "application/json" if document.lstrip()[:1] == b"{" else "application/xml"


async def received(request: Request) -> BinaryIO:
    """The body of a request, in a file without a name: it is gone when it is closed."""
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES)  # noqa: SIM115  # by callers
    try:
        async for part in request.stream():  # the gate has bounded its size and its time
            await asyncio.to_thread(file.write, part)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file  # type: ignore[return-value]  # a SpooledTemporaryFile is one


class Checking:
    """One file being checked; `history` is for the operator's own callers."""

    def __init__(self, request: Request, file: BinaryIO, profile: str, *, history: bool) -> None:
        self._request = request
        self._file = file
        self._is_against = history
        self._stop_at_s = monotonic() + CHECK_DEADLINE_S
        published = compliance_settings_of(request).schemas_dir
        self._question = FileQuestion(profile, now_of(request), published, progress=self.news)
        self.read_bytes = 0

    def news(self, read_bytes: int) -> None:
        """How far the check is; ends one that takes too long."""
        self.read_bytes = read_bytes
        if monotonic() > self._stop_at_s:
            raise CheckTooLong

    def report(self, name: str = "upload") -> tuple[FileReport, bytes | None]:
        """Check the file. Raises Problem 422 where it takes too long, 503 where too many are."""
        if not _places.acquire(blocking=False):
            what = f"{CHECKS_MAX} files are being checked already"
            raise Problem(503, "Try again", what, headers={"Retry-After": "10"})
        try:
            return self._report(name)
        except CheckTooLong:
            what = f"the check took longer than {CHECK_DEADLINE_S:.0f} s: use `packtrail check`"
            raise Problem(422, "File takes too long", what) from None
        finally:
            _places.release()

    def _report(self, name: str) -> tuple[FileReport, bytes | None]:
        size_bytes = self._file.seek(0, 2)
        self._file.seek(0)
        if not self._is_against:
            return report_on(self._file, name, self._question, size_bytes=size_bytes)
        owner = compliance_settings_of(self._request).owner_gln
        with store_of(self._request).read() as snapshot:
            ours = frozenset(filter(None, [owner]))
            asked = asked_of(snapshot, self._file, self._question, ours)
            return report_on(self._file, name, asked, size_bytes=size_bytes)

    async def lines(self) -> AsyncIterator[bytes]:
        """News while the file is checked, and the report last."""
        task = asyncio.create_task(asyncio.to_thread(self.report))
        task.add_done_callback(lambda _: self._file.close())
        try:
            while not (await asyncio.wait((task,), timeout=NEWS_EVERY_S))[0]:
                yield orjson.dumps({"readBytes": self.read_bytes}) + b"\n"
            report, _ = task.result()
            yield orjson.dumps({"report": report.as_dict()}) + b"\n"
        except Problem as problem:
            yield orjson.dumps({"problem": problem.as_dict()}) + b"\n"
        finally:
            self._stop_at_s = 0.0  # nobody waits for the answer any more
