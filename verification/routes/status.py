"""The status query: what is known of a pack, without alert, count or record (Art. 36(f)).

Most packs of a lot are in the same situation, and the decision about them is pure. So an answer is
remembered by all that it depends on, and only the serial number and the time are put in anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from verification.answering.autocommit_read import autocommit_read
from verification.answering.batch_queue import BatchQueue
from verification.answering.together import LookLane
from verification.decision.recorded import look_at
from verification.decision.verify import state_by_events
from verification.fmd.known import known_from
from verification.fmd.operation import Operation, PackRequest
from verification.fmd.perform import status_of
from verification.registry.participants import who_is
from verification.routes.reply import JSON, NOT_KEPT, Reply, bad_request, told_json
from verification.routes.wanted import PackBody, asked_of
from verification.vrs.question import MalformedError, parameters_of

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.clock import Clock
    from epcis.http_context import Caller
    from epcis.ledger.store import Store
    from verification.answering.together import Seen
    from verification.decision.recorded import Recorded
    from verification.decision.restrictions import Restrictions
    from verification.decision.verdict import Asked
    from verification.settings import VerificationSettings

LANES = 2
"""Looks under way at once where a server is asked; in a file of our own each is made in less time
than a thread takes."""
SITUATIONS_MAX = 4096
"""Answers remembered at once; beyond that all are forgotten."""
_PARAMETERS = frozenset({"gtin", "serial", "lot", "expiry"})
_HEADERS = (JSON, NOT_KEPT)
_encoder = msgspec.json.Encoder()


class StatusQueries:
    """Answers status queries of one application; belongs to the server's event loop."""

    def __init__(self, store: Store, clock: Clock, settings: VerificationSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._looks: BatchQueue[tuple[str, str], Seen] = BatchQueue(
            [LookLane(store) for _ in range(LANES)],
            waiting_max=settings.waiting_max,
            gather_turns=0,  # a look has no commit to share
        )
        self._remembered: dict[tuple[object, ...], _Around] = {}

    async def reply(self, query: bytes, caller: Caller) -> Reply:
        """The answer to the query string of a caller; raises `Problem` and `StoreAway`."""
        asked = _asked(query)
        if self._store.file is not None:
            with autocommit_read(self._store) as snapshot:
                stops, row = look_at(snapshot, asked.gtin, asked.serial)
        else:
            stops, row = await self._looks.ask((asked.gtin, asked.serial))
        return self._answer(asked, caller, stops, row)

    def close(self) -> None:
        """Let go of the lanes."""
        self._looks.close()

    def _answer(self, asked: Asked, caller: Caller, stops: Restrictions, row: Recorded) -> Reply:
        """The answer from what was just looked up."""
        now = self._clock()
        if not row.is_known:
            return self._decided(asked, caller, stops, row, now).reply(asked.serial, now)
        # All that the answer depends on, but for the serial number and the time of day. The mark
        # in the row stands for all stops.
        situation = (
            *(asked.gtin, asked.lot, asked.expiry, caller.name, caller.party, now.date()),
            *(state_by_events(row), row.situation),
        )
        around = self._remembered.get(situation)
        if around is None:
            if len(self._remembered) >= SITUATIONS_MAX:
                self._remembered.clear()
            around = self._decided(asked, caller, stops, row, now)
            self._remembered[situation] = around
        return around.reply(asked.serial, now)

    def _decided(
        self, asked: Asked, caller: Caller, stops: Restrictions, row: Recorded, now: datetime
    ) -> _Around:
        request = PackRequest(
            operation=Operation.VERIFY,
            code=asked.gtin,
            serial=asked.serial,
            lot=asked.lot,
            expiry=asked.expiry,
            alerting=False,
        )
        who = who_is(stops, caller, self._settings)
        with autocommit_read(self._store) as snapshot:
            known = known_from(snapshot, request, who.market, stops, row)
        answer = status_of(request, who, known, self._settings.rule_pack, now)
        return _Around.of(*told_json(answer), request.serial, now)


class _Around(NamedTuple):
    """An answer but for what it says of one pack alone."""

    status: int
    before_serial: bytes
    before_time: bytes
    after: bytes

    @classmethod
    def of(cls, status: int, body: bytes, serial: str, at: datetime) -> _Around:
        """Taken out of a whole answer.

        Quotation marks within values are escaped, so that the names are found where they stand.
        """
        before, name, rest = body.partition(b'"serial":')
        between, time, after = rest.removeprefix(_encoder.encode(serial)).partition(b'"at":')
        after = after.removeprefix(_encoder.encode(at))
        return cls(status, before + name, between + time, after)

    def reply(self, serial: str, at: datetime) -> Reply:
        """The whole answer about a pack."""
        encode = _encoder.encode
        parts = (self.before_serial, encode(serial), self.before_time, encode(at), self.after)
        return Reply(self.status, _HEADERS, b"".join(parts))


def _asked(query: bytes) -> Asked:
    try:
        given = parameters_of(query, _PARAMETERS)
    except MalformedError as error:
        raise bad_request(str(error)) from None
    named = given.get
    return asked_of(PackBody(None, named("gtin"), named("serial"), named("lot"), named("expiry")))
