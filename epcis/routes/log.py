"""`/log`: checkpoints, tiles and proofs, for whoever wants to hold us to what we recorded.

Formats: C2SP tlog-checkpoint and tlog-tiles. Tiles hold leaf hashes only, which say nothing about
what was logged; reading needs a key all the same, because their number says how much an operator
does.

Every answer of the service, and every delivery to a subscriber, names the newest signed checkpoint
in the header `Packtrail-Checkpoint: <name of the log> <entries> <root in base64>`. Whoever notes it
can have the log proved to continue it (`/log/proof/consistency`), and two who were shown different
roots for one number of entries hold the proof of a fork.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import structlog
from fastapi import APIRouter, Query, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from epcis.database.columns import microseconds
from epcis.http_context import caller_of, context_of, now_of, store_of
from epcis.ledger import sequencer
from epcis.ledger.append import TILE_WIDTH
from epcis.ledger.checkpoint import NOTE_CHARACTERS_MAX, NoteRefused
from epcis.ledger.entry import LeafKind, LogEntry
from epcis.ledger.ledger_tables import ledger_checkpoint, ledger_entry
from epcis.ledger.tree import Tree
from epcis.ledger.witness import forks, log_keys, take_witness
from epcis.problem import Problem
from epcis.store.event_tables import event, event_party

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller

router = APIRouter(prefix="/log", tags=["log"])
_log = structlog.get_logger(__name__)

_TILE = re.compile(
    r"(?P<level>[0-9]{1,2})/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[0-9]{1,3}))?"
)
_TEXT = "text/plain; charset=utf-8"
_ENTRIES_MAX = 2**62
_SAME_ID_MAX = 100

Place = Annotated[int | None, Query(ge=0, lt=_ENTRIES_MAX)]


def _not_there(what: str) -> Problem:
    return Problem(404, "Not in the log", what, type="epcisException:NoSuchResourceException")


@router.get("/checkpoint", response_class=PlainTextResponse)
def checkpoint(request: Request) -> Response:
    """The newest signed checkpoint, C2SP tlog-checkpoint. Keep it: it proves later changes."""
    return Response(newest_note(request), media_type=_TEXT, headers={"Cache-Control": "no-store"})


@router.get("/checkpoint/{size}", response_class=PlainTextResponse)
def earlier_checkpoint(
    request: Request, size: Annotated[int, PathParameter(ge=0, lt=_ENTRIES_MAX)]
) -> Response:
    """The checkpoint that was signed when the log had `size` entries."""
    with store_of(request).read() as snapshot:
        note = snapshot.connection.scalar(
            select(ledger_checkpoint.c.note).where(ledger_checkpoint.c.size == size)
        )
    if not note:
        raise _not_there(f"no checkpoint was signed at {size} entries")
    return Response(note, media_type=_TEXT)


@router.get("/key", response_class=PlainTextResponse)
def key(request: Request) -> Response:
    """The public keys that sign checkpoints, one a line: name, id, key (C2SP signed-note)."""
    with store_of(request).read() as snapshot:
        lines = "".join(f"{one}\n" for one in log_keys(snapshot))
    return Response(lines, media_type=_TEXT)


@router.get("/tile/{path:path}")
def tile(request: Request, path: str) -> Response:
    """Hashes of the tree, up to 256 at once: `/log/tile/<L>/<N>[.p/<W>]`, C2SP tlog-tiles."""
    asked = _TILE.fullmatch(path)
    if not asked:
        raise _not_there(f"'{path}' is not the path of a tile, as 0/x001/234 or 0/000.p/17")
    number = int(asked["number"].replace("x", "").replace("/", ""))
    width = int(asked["width"] or TILE_WIDTH)
    with store_of(request).read() as snapshot:
        try:
            hashes = Tree(snapshot.connection).tile(int(asked["level"]), number, width)
        except IndexError as fault:
            raise _not_there(str(fault)) from None
    # A tile never changes once it is there, whole or in part.
    return Response(
        hashes,
        media_type="application/octet-stream",
        headers={"Cache-Control": "private, max-age=604800, immutable"},
    )


@router.get("/proof/inclusion")
def inclusion(
    request: Request,
    index: Place = None,
    event_id: Annotated[str | None, Query(alias="event", max_length=2048)] = None,
    *,
    size: Place = None,
    form: Annotated[Literal["json", "tlog-proof"], Query(alias="format")] = "json",
) -> Response:
    """That an entry, named by its place or by an event id, stands in the log of `size` entries.

    `format=tlog-proof` gives the C2SP text with the newest checkpoint in it.
    """
    note = newest_note(request) if form == "tlog-proof" else ""
    size = int(note.split("\n")[1]) if note else size
    with store_of(request).read() as snapshot:
        entry = _entry_of_event(snapshot, event_id, caller_of(request)) if event_id else None
        place = entry.idx if entry else index
        if place is None:
            raise Problem(400, "Which entry?", "name one of index and event")
        tree = Tree(snapshot.connection)
        size = tree.size if size is None else size
        try:
            path = tree.inclusion(place, size)
            leaf, root = tree.leaf(place), tree.checkpoint(size).root
        except IndexError as fault:
            raise _not_there(str(fault)) from None
    if form == "tlog-proof":
        lines = ["c2sp.org/tlog-proof@v1", f"index {place}", *map(_base64, path), "", note]
        return Response("\n".join(lines), media_type=_TEXT)
    answer: dict[str, object] = {
        "index": place,
        "size": size,
        "leaf": _base64(leaf),
        "path": [_base64(one) for one in path],
        "root": _base64(root),
    }
    if entry:
        answer["entry"] = _base64(entry.preimage)
    return JSONResponse(answer)


@router.get("/proof/consistency")
def consistency(
    request: Request,
    old: Annotated[int, Query(ge=0, lt=_ENTRIES_MAX)],
    new: Place = None,
) -> Response:
    """That the log of `new` entries begins with the very entries it had at `old`."""
    with store_of(request).read() as snapshot:
        tree = Tree(snapshot.connection)
        new = tree.size if new is None else new
        try:
            path = tree.consistency(old, new)
            roots = [tree.checkpoint(one).root for one in (old, new)]
        except IndexError as fault:
            raise _not_there(str(fault)) from None
    return JSONResponse(
        {
            "old": old,
            "new": new,
            "path": [_base64(one) for one in path],
            "old_root": _base64(roots[0]),
            "new_root": _base64(roots[1]),
        }
    )


@router.post("/witness")
async def witness(request: Request) -> Response:
    """Post a checkpoint you saw; 200 where it fits this log, 409 where the log was forked."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > NOTE_CHARACTERS_MAX:
            raise Problem(413, "Too large", f"a checkpoint has at most {NOTE_CHARACTERS_MAX} bytes")
    return await run_in_threadpool(_take, request, body, caller_of(request).name)


def _take(request: Request, body: bytes, name: str) -> Response:
    try:
        with store_of(request).write(now_of(request)) as tx:
            seen = take_witness(tx, body.decode(), name)
    except (NoteRefused, UnicodeDecodeError) as fault:
        raise Problem(422, "Not a checkpoint of this log", str(fault)) from None
    if not seen.agrees:
        _log.critical("the log was forked: a signed checkpoint does not lead to it", witness=name)
        raise Problem(
            409,
            "The log was forked",
            f"the checkpoint of {seen.checkpoint.size} entries, signed by this log, is not its"
            " history; keep it, and tell the authority",
        )
    return JSONResponse({"agrees": True, "size": seen.checkpoint.size})


@router.get("/status")
def status(request: Request) -> Response:
    """How the log does: entries, how long the oldest waits for its place, forks seen."""
    with store_of(request).read() as snapshot:
        waiting = sequencer.delay(snapshot, now=now_of(request))
        answer = {
            "entries": Tree(snapshot.connection).size,
            "delay_s": waiting.total_seconds(),
            "delay_alarm": waiting >= sequencer.DELAY_ALARM,
            "delay_promised_s": sequencer.DELAY_PROMISED.total_seconds(),
            "forks": [{"witness": who, "size": size} for who, size in forks(snapshot)],
        }
    return JSONResponse(answer)


def newest_note(request: Request) -> str:
    """The newest signed checkpoint: a fresh one where the front desk signs, else the last kept.

    Raises Problem 404 where none was ever signed.
    """
    sign = context_of(request).sign_checkpoint
    if sign is not None:
        return sign()
    with store_of(request).read() as snapshot:
        note = snapshot.connection.scalar(
            select(ledger_checkpoint.c.note)
            .where(ledger_checkpoint.c.note.is_not(None))
            .order_by(ledger_checkpoint.c.size.desc())
            .limit(1)
        )
    if not note:
        raise _not_there("no checkpoint was signed yet")
    return str(note)


@dataclass(frozen=True, slots=True)
class _EventEntry:
    idx: int
    preimage: bytes


def _entry_of_event(snapshot: Snapshot, event_id: str, caller: Caller) -> _EventEntry:
    """The entry of an event the caller may see."""
    rows = snapshot.connection.execute(
        select(
            event.c.seq,
            ledger_entry.c.idx,
            ledger_entry.c.kind,
            ledger_entry.c.subject,
            ledger_entry.c.public_hash,
            ledger_entry.c.confidential_hash,
            ledger_entry.c.record_time,
        )
        .join(ledger_entry, ledger_entry.c.event == event.c.seq)
        .where(event.c.event_id == event_id, ledger_entry.c.idx.is_not(None))
        .order_by(ledger_entry.c.idx)
        .limit(_SAME_ID_MAX)
    )
    for row in rows:
        if caller.party is None or _may_see(snapshot, row.seq, caller.party):
            entry = LogEntry(
                LeafKind(row.kind),
                row.subject,
                row.public_hash,
                row.confidential_hash,
                microseconds(row.record_time),
            )
            return _EventEntry(row.idx, entry.preimage())
    raise _not_there(f"no event {event_id} stands in the log")


def _may_see(snapshot: Snapshot, seq: int, party: str) -> bool:
    found = snapshot.connection.scalar(
        select(event_party.c.seq).where(event_party.c.party == party, event_party.c.seq == seq)
    )
    return found is not None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
