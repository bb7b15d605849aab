"""Deliver results to webhooks: at least once and in order.

A subscriber that answers 413 gets smaller batches; a failed delivery is tried again later. All
state is in the table: the cursor moves only after the subscriber answered with success.
Standard: EPCIS 2.0 section 12.6.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import structlog

from epcis.codec.document import Syntax, WriteOptions, write_document
from epcis.database.changes import AT_LATEST_S, Changes
from epcis.database.transactions import StoreAway, StoreFull
from epcis.model import Header
from epcis.query.parameters import QueryRefused
from epcis.subscribe import subscription
from epcis.subscribe.destination import BadDestination, Destination, resolve
from epcis.subscribe.news import BATCH_EVENTS, News, latest, newest_arrival, query_of
from epcis.subscribe.webhook_signature import fault_of_key, standard_headers
from epcis.tls import trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from datetime import datetime

    from epcis.clock import Clock
    from epcis.ledger.store import Store
    from epcis.model import Event
    from epcis.subscribe.subscription import Subscription

LOOK_S: Final = 0.25
"""How often the worker looks for subscriptions that are due."""
DELIVERIES_MAX: Final = 8
"""Deliveries under way at once."""
CONNECT_TIMEOUT_S: Final = 5.0
DELIVERY_TIMEOUT_S: Final = 30.0
"""How long a whole delivery may take, answer included."""
BATCHES_MAX: Final = 1000
"""Most batches sent to one subscription before others get their turn."""
STORE_PAUSE_S: Final = 2.0
_ACCEPTED: Final = range(200, 300)
_TOO_LARGE: Final = 413
_GONE: Final = 410

_log = structlog.get_logger(worker="subscriptions")


@dataclass(frozen=True, slots=True)
class DeliveryAnswer:
    """Result of one delivery."""

    status: int | None
    """HTTP status; None where there was no answer."""
    reason: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the subscriber accepted it."""
        return self.status in _ACCEPTED


def signature(token: str, body: bytes, at: datetime) -> str:
    """The value of the header GS1-Signature: when it was made, and HMAC-SHA256 over time and body.

    The subscriber computes HMAC-SHA256 over `{t}.{body}` with its token and compares; an old `t`
    tells a repeated message.
    """
    moment = str(int(at.timestamp()))
    digest = hmac.new(token.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return f"t={moment},alg=HMAC-SHA256,v1={digest.hexdigest()}"


def results(
    one: Subscription,
    events: Iterable[Event],
    now: datetime,
    *,
    company_prefixes: tuple[str, ...] = (),
) -> bytes:
    """Events as the EPCISQueryDocument that is delivered.

    `company_prefixes` are the operator's own entries, for writing identifiers as URNs.
    """
    header = Header(
        kind="query",
        schema_version="1.2" if one.syntax is Syntax.XML_1_2 else "2.0",
        creation_date=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        query_name=one.query,
        subscription_id=one.id,
    )
    out = BytesIO()
    options = WriteOptions(
        epc_format=one.epc_format,
        cbv_format=one.cbv_format,
        company_prefixes=company_prefixes,
    )
    write_document(header, events, out, one.syntax, options)
    return out.getvalue()


def _headers(one: Subscription) -> dict[str, str]:
    """The HTTP headers of a delivery, as in the answer to a query."""
    is_json, is_1_2 = one.syntax is Syntax.JSON_LD, one.syntax is Syntax.XML_1_2
    headers = {
        "Content-Type": "application/json" if is_json else "application/xml",
        "GS1-EPCIS-Version": "1.2" if is_1_2 else "2.0.0",
        "GS1-CBV-Version": "2.0.0",
        "GS1-EPC-Format": one.epc_format.value,
    }
    return headers if is_json else {**headers, "GS1-CBV-XML-Format": one.cbv_format.value}


async def run_subscriptions(
    store: Store,
    clock: Clock,
    stop: asyncio.Event,
    *,
    private_allowed: bool = False,
    company_prefixes: tuple[str, ...] = (),
) -> None:
    """Deliver whatever is due until `stop` is set."""
    courier = Courier(
        store, clock, private_allowed=private_allowed, company_prefixes=company_prefixes
    )
    with Changes(store) as changes:
        async with courier:
            while not stop.is_set():
                mark = await changes.mark()
                try:
                    if await _unless_stopped(courier.round(), stop):
                        continue
                    waits_for_time = await asyncio.to_thread(courier.waits_for_time)
                    longest_s = LOOK_S if waits_for_time else AT_LATEST_S
                except (StoreFull, StoreAway) as fault:
                    _log.warning("subscriptions wait", reason=str(fault))
                    longest_s = STORE_PAUSE_S
                await changes.after(mark, stop, look_s=LOOK_S, at_latest_s=longest_s)


async def _unless_stopped(work: Coroutine[object, None, bool], stop: asyncio.Event) -> bool:
    """The work's result; cancels the work when the program stops, to be redone after its start."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.done() and working.result()
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


def delivery_client() -> httpx.AsyncClient:
    """A client that connects to the given address only: no redirects, no proxy of this machine."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(DELIVERY_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        follow_redirects=False,
        trust_env=False,
        verify=trusted_authorities(),
        limits=httpx.Limits(max_connections=DELIVERIES_MAX),
    )


async def post_checked(
    client: httpx.AsyncClient,
    destination: Destination,
    body: bytes,
    headers: Mapping[str, str],
    *,
    private_allowed: bool,
) -> DeliveryAnswer:
    """POST to the address the name resolves to now, if allowed; network errors never raise."""
    try:
        async with asyncio.timeout(DELIVERY_TIMEOUT_S):
            ip = await asyncio.to_thread(resolve, destination, private_allowed=private_allowed)
            return await _post(client, destination, ip, body, headers)
    except BadDestination as fault:
        return DeliveryAnswer(None, str(fault))
    except TimeoutError:
        return DeliveryAnswer(None, f"no answer within {DELIVERY_TIMEOUT_S:g} seconds")
    except httpx.HTTPError as fault:
        return DeliveryAnswer(None, f"{type(fault).__name__}: {fault}")


async def _post(
    client: httpx.AsyncClient,
    destination: Destination,
    ip: str,
    body: bytes,
    headers: Mapping[str, str],
) -> DeliveryAnswer:
    """POST to the checked address under the receiver's name; only the status is read."""
    extensions: dict[str, Any] = {"sni_hostname": destination.host}
    request = client.build_request(
        "POST",
        destination.url_at(ip),
        content=body,
        headers={**headers, "Host": destination.authority},
        extensions=extensions,
    )
    response = await client.send(request, stream=True)
    try:
        status = response.status_code
    finally:
        await response.aclose()
    return DeliveryAnswer(status, "" if status in _ACCEPTED else f"answered {status}")


class Courier:
    """Carries results to subscribers."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        private_allowed: bool,
        company_prefixes: tuple[str, ...] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._private_allowed = private_allowed
        self._company_prefixes = company_prefixes
        self._client = delivery_client()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.aclose()

    async def round(self) -> bool:
        """Serve every subscription that is due; returns whether anything was delivered."""
        found = await asyncio.to_thread(self._due)
        if not found:
            return False
        turns = asyncio.Semaphore(DELIVERIES_MAX)

        async def in_turn(one: Subscription) -> bool:
            async with turns:
                return await self._serve(one)

        return any(await asyncio.gather(*(in_turn(one) for one in found)))

    def waits_for_time(self) -> bool:
        """Whether a subscription becomes due by itself: by its schedule, or to be tried again."""
        with self._store.read() as snapshot:
            return subscription.any_waits_for_time(snapshot)

    def _due(self) -> list[Subscription]:
        with self._store.read() as snapshot:
            return subscription.due(
                snapshot, self._clock(), newest_arrival(snapshot), DELIVERIES_MAX * 8
            )

    async def _serve(self, one: Subscription) -> bool:
        """Deliver all that is new to one subscriber, batch by batch."""
        rows_max, sent = BATCH_EVENTS, False
        began = self._clock()  # so a scheduled time that passes during the delivery is not skipped
        for _ in range(BATCHES_MAX):
            news = await asyncio.to_thread(self._news, one, rows_max)
            if news is None:
                return sent
            is_last = news.is_all
            if not news.events and (not one.report_if_empty or sent or one.schedule is None):
                await asyncio.to_thread(self._settle, one, news, began, notified=False)
                return sent
            answer = await self._deliver(one, news)
            if answer.status == _TOO_LARGE and len(news.events) > 1:
                rows_max = len(news.events) // 2
                continue
            if not answer.is_taken:
                await asyncio.to_thread(self._failed, one, answer)
                return sent
            sent = True
            await asyncio.to_thread(self._settle, one, news, began, notified=True)
            one = replace(one, cursor=news.up_to)
            if is_last:
                return sent
        return sent

    def _news(self, one: Subscription, rows_max: int) -> News | None:
        """The new events; None where the subscription ended meanwhile or its query fails."""
        with self._store.read() as snapshot:
            if subscription.get(snapshot, one.id, party=None) is None:
                return None
        try:
            return latest(
                self._store, lambda snapshot: query_of(snapshot, one), one, rows_max=rows_max
            )
        except (LookupError, QueryRefused) as fault:
            reason = f"the query can no longer be asked: {fault}"
        self._failed(one, DeliveryAnswer(_GONE, reason))
        return None

    def _settle(self, one: Subscription, news: News, began: datetime, *, notified: bool) -> None:
        """Move the cursor; once nothing is left, set the time of the next check."""
        now = self._clock()
        if not notified and news.up_to == one.cursor and one.schedule is None and not one.attempts:
            return
        latest = news.events[-1].record_time if news.events else one.acknowledged_record_time
        with self._store.write(now) as tx:
            subscription.acknowledge(tx, one, news.up_to, latest, notified=notified)
            if news.is_all:
                again = one.schedule.after(began) if one.schedule else now
                subscription.look_again(tx, one, again)
            # A crash before this commit delivers the batch again: at least once.

    def _failed(self, one: Subscription, answer: DeliveryAnswer) -> None:
        now = self._clock()
        with self._store.write(now) as tx:
            for_good = answer.status == _GONE
            subscription.failed(tx, one, answer.reason, now, for_good=for_good)
        _log.info("delivery failed", subscription=one.id, reason=answer.reason)

    async def _deliver(self, one: Subscription, news: News) -> DeliveryAnswer:
        """Send one batch and wait for the answer."""
        now = self._clock()
        events = [found.written_for(one.syntax) for found in news.events]
        body = await asyncio.to_thread(
            results, one, events, now, company_prefixes=self._company_prefixes
        )
        headers = _headers(one)
        if self._store.signed:
            headers["Packtrail-Checkpoint"] = self._store.signed
        if one.token:
            headers["GS1-Signature"] = signature(one.token, body, now)
            if not fault_of_key(one.token):
                number = f"{one.id}.{one.cursor.txid}.{one.cursor.seq}"
                headers |= standard_headers(one.token, number, now, [body])
        return await post_checked(
            self._client,
            Destination.parse(one.dest),
            body,
            headers,
            private_allowed=self._private_allowed,
        )
