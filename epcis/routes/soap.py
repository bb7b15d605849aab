"""`/epcis/soap`: the EPCIS 1.2 query control interface, seven operations and their exceptions."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Final

from fastapi import Request
from fastapi.responses import Response
from lxml import etree

from epcis.codec.document import CbvFormat, EpcFormat, Syntax, WriteOptions, write_document
from epcis.database.transactions import StoreAway, StoreFull
from epcis.http_context import caller_of, now_of, settings_of, store_of
from epcis.model import Header
from epcis.problem import Problem
from epcis.query import envelope, masterdata, named, parameters, search
from epcis.query.envelope import QueryMessage, QueryOperation, SoapFault, Wrapping
from epcis.query.named import STANDARD
from epcis.query.parameters import QueryRefused
from epcis.query.schedule import Schedule, ScheduleError
from epcis.query.values import BadValue, moment
from epcis.routes.described import SOAP_ANSWER, SOAP_MESSAGE, body_described
from epcis.routes.negotiation import vendor_version
from epcis.routes.problems import problem_of
from epcis.routes.routers import capable, new_router
from epcis.routes.wsdl import wsdl
from epcis.subscribe import subscription
from epcis.subscribe.destination import BadDestination, Destination, check
from epcis.subscribe.subscription import Subscription, SubscriptionTaken, TooManySubscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.model import Event, Vocabulary
    from epcis.query.conditions import Query

RESULTS_MAX: Final = 20_000
"""Most events of one Poll: the interface has no pages."""
_BATCH: Final = 1000
_EVENT_QUERY, _MASTER_QUERY = STANDARD

_FORMATS: Final = {
    False: (EpcFormat.URN, CbvFormat.URN),
    True: (EpcFormat.AS_WRITTEN, CbvFormat.NO_PREFERENCE),
}
"""How ids and words are written for portals that do, or do not, speak EPCIS 2.0: 1.2 knows neither
Digital Links nor bare words."""

router = new_router("soap")


@router.get("/soap", response_class=Response)
def describe(request: Request) -> Response:
    """The service description (WSDL); `?xsd=name` gives the schema files it refers to."""
    return wsdl(request)


@router.post(
    "/soap",
    response_class=Response,
    responses=SOAP_ANSWER,
    openapi_extra=body_described("An operation, in a SOAP envelope or bare.", xml=SOAP_MESSAGE),
)
async def ask(request: Request) -> Response:
    """One operation of the query control interface, in a SOAP 1.1 or 1.2 envelope or bare."""
    content = bytearray()
    async for part in request.stream():
        content.extend(part)
        if len(content) > envelope.MESSAGE_BYTES_MAX:
            break
    status, answer, wrapping = await asyncio.to_thread(_answered, request, bytes(content))
    media_type = "application/soap+xml" if wrapping.envelope == envelope.SOAP_1_2 else "text/xml"
    return Response(answer, status_code=status, media_type=media_type)


def _answered(request: Request, content: bytes) -> tuple[int, bytes, Wrapping]:
    wrapping = Wrapping()
    try:
        root = envelope.parse(content)
        wrapping = envelope.wrapping_of(root)
        caller = _permitted(request)
        element = envelope.operation_of(root)
        return 200, wrapping.wrap(_Desk(request, caller, wrapping).do(element)), wrapping
    except Exception as fault:  # what the standard has no name for goes on upwards
        soap_fault = _fault_of(fault)
        if soap_fault is None:
            raise
        return _status(fault, soap_fault, wrapping), wrapping.fault(soap_fault), wrapping


def _permitted(request: Request) -> Caller:
    caller = caller_of(request)
    if caller.is_anonymous or "query" not in caller.scopes:
        raise SoapFault("SecurityException", "the caller may not use the query interface")
    return caller


def _fault_of(fault: Exception) -> SoapFault | None:
    """The exception of the query interface that says the same; None for a fault of ours."""
    if isinstance(fault, SoapFault):
        return fault
    if isinstance(fault, QueryRefused):
        return SoapFault(_SOAP_NAMES.get(fault.name, fault.name), str(fault))
    if isinstance(fault, StoreFull | StoreAway):
        return SoapFault("ImplementationException", str(fault))
    problem = problem_of(fault)
    return None if problem is None else SoapFault("ValidationException", problem.detail)


_SOAP_NAMES: Final = {"QueryValidationException": "ValidationException"}


def _status(fault: Exception, soap_fault: SoapFault, wrapping: Wrapping) -> int:
    """SOAP 1.1 wants 500 for every fault; otherwise the status says whose fault it is."""
    if isinstance(fault, StoreAway):
        return 503
    if isinstance(fault, Problem) and fault.status in (401, 507):
        return fault.status
    if soap_fault.name == "SecurityException":
        return 403
    is_ours = soap_fault.name == "ImplementationException"
    return 500 if is_ours or wrapping.envelope == envelope.SOAP_1_1 else 400


class _Desk:
    """The seven operations, for one caller and one message."""

    def __init__(self, request: Request, caller: Caller, wrapping: Wrapping) -> None:
        self._request = request
        self._caller = caller
        self._wrapping = wrapping
        self._store = store_of(request)
        self._now = now_of(request)
        self._syntax = Syntax.XML_2_0 if wrapping.is_2_0 else Syntax.XML_1_2

    def do(self, element: etree._Element) -> etree._Element:
        """The answer to an operation; raises `SoapFault` and `QueryRefused`."""
        message = envelope.read(element)
        operations: dict[QueryOperation, Callable[[QueryMessage], etree._Element]] = {
            QueryOperation.GET_QUERY_NAMES: self._query_names,
            QueryOperation.SUBSCRIBE: self._subscribe,
            QueryOperation.UNSUBSCRIBE: self._unsubscribe,
            QueryOperation.GET_SUBSCRIPTION_IDS: self._subscription_ids,
            QueryOperation.POLL: self._poll,
            QueryOperation.GET_STANDARD_VERSION: self._standard_version,
            QueryOperation.GET_VENDOR_VERSION: self._vendor_version,
        }
        return operations[message.operation](message)

    def _standard_version(self, _: QueryMessage) -> etree._Element:
        element = self._wrapping.element("GetStandardVersionResult")
        element.text = "2.0" if self._wrapping.is_2_0 else "1.2"
        return element

    def _vendor_version(self, _: QueryMessage) -> etree._Element:
        element = self._wrapping.element("GetVendorVersionResult")
        element.text = vendor_version()
        return element

    def _query_names(self, _: QueryMessage) -> etree._Element:
        with self._store.read(party=self._caller.party) as snapshot:
            own = named.listing(
                snapshot, party=self._caller.party, rows_max=named.NAMED_QUERIES_MAX
            )
        names = (*STANDARD, *(one.name for one in own))
        return self._wrapping.texts("GetQueryNamesResult", names)

    def _poll(self, message: QueryMessage) -> etree._Element:
        with self._store.read(party=self._caller.party) as snapshot:
            if message.query_name == _MASTER_QUERY:
                query = masterdata.parse(message.parameters)
                found = masterdata.ask(snapshot, query, party=self._caller.party)
                return self._results(message.query_name, (), found)
            asked = self._event_query(snapshot, message)
            found_events = _all_events(snapshot, asked, search.Selection(party=self._caller.party))
            events = (one.written_for(self._syntax) for one in found_events)
            return self._results(message.query_name, events)

    def _event_query(self, snapshot: Snapshot, message: QueryMessage) -> Query:
        if message.query_name == _EVENT_QUERY:
            return parameters.parse(self._parameters(message))
        found = named.get(snapshot, message.query_name, party=self._caller.party)
        if found is None:
            raise SoapFault(
                "NoSuchNameException", f"there is no query '{message.query_name[:200]}'"
            )
        if message.parameters:
            raise SoapFault("QueryParameterException", "a named query takes no parameters")
        return found.query

    def _parameters(self, message: QueryMessage) -> Mapping[str, object]:
        """The parameters as the caller's version of the interface reads them."""
        asked = message.parameters
        return asked if self._wrapping.is_2_0 else parameters.of_1_2(asked)

    def _results(
        self, name: str, events: Iterable[Event], vocabularies: tuple[Vocabulary, ...] = ()
    ) -> etree._Element:
        """`QueryResults` as the codec writes it inside a query document."""
        header = Header(
            kind="query",
            schema_version="2.0" if self._wrapping.is_2_0 else "1.2",
            creation_date=self._now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            query_name=name,
            master_data=vocabularies,
        )
        out = BytesIO()
        epc_format, cbv_format = _FORMATS[self._wrapping.is_2_0]
        options = WriteOptions(
            epc_format=epc_format,
            cbv_format=cbv_format,
            company_prefixes=settings_of(self._request).company_prefixes,
        )
        write_document(header, events, out, self._syntax, options)
        parser = etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True)
        document = etree.fromstring(out.getvalue(), parser)
        found = document.find(f".//{{{self._wrapping.namespace}}}QueryResults")
        if found is None:
            raise AssertionError("a query document holds QueryResults")
        if name == _MASTER_QUERY and not vocabularies:
            _replace_empty_list(found)
        return found

    def _subscribe(self, message: QueryMessage) -> etree._Element:
        if message.query_name == _MASTER_QUERY:
            raise SoapFault("SubscribeNotPermittedException", "this query can only be polled")
        with self._store.read(party=self._caller.party) as snapshot:
            query = self._event_query(snapshot, message)
        if query.event_count_limit is not None or query.max_event_count is not None:
            raise SoapFault(
                "SubscribeNotPermittedException",
                "a query with eventCountLimit or maxEventCount can only be polled",
            )
        made = self._subscription(message)
        with self._store.write(self._now) as tx:
            try:
                subscription.add(tx, made)
            except SubscriptionTaken:
                what = f"there is a subscription '{made.id[:200]}' already"
                raise SoapFault("DuplicateSubscriptionException", what) from None
            except TooManySubscriptions:
                what = "the repository has as many subscriptions as it may"
                raise SoapFault("QueryTooComplexException", what) from None
        return self._wrapping.element("SubscribeResult")

    def _subscription(self, message: QueryMessage) -> Subscription:
        schedule = self._schedule(message)
        own = message.query_name == _EVENT_QUERY
        initial = self._since(message.controls.initial_record_time)
        epc_format, cbv_format = _FORMATS[self._wrapping.is_2_0]
        return Subscription(
            id=message.subscription_id,
            query=message.query_name,
            parameters=_plain(self._parameters(message)) if own else None,
            version="2.0" if self._wrapping.is_2_0 else "1.2",
            owner=self._caller.name,
            party=self._caller.party,
            dest=self._dest(message.dest),
            schedule=schedule,
            report_if_empty=message.controls.report_if_empty,
            syntax=self._syntax,
            epc_format=epc_format,
            cbv_format=cbv_format,
            made=self._now,
            initial_record_time=initial,
            acknowledged_record_time=initial,
            due=schedule.after(self._now),
        )

    def _schedule(self, message: QueryMessage) -> Schedule:
        controls = message.controls
        if (controls.schedule is None) == (controls.trigger is None):
            raise SoapFault(
                "SubscriptionControlsException", "give either a schedule or a trigger, not both"
            )
        if controls.schedule is None:
            raise SoapFault("SubscriptionControlsException", "this repository has no triggers")
        try:
            return Schedule.parse(controls.schedule)
        except ScheduleError as fault:
            raise SoapFault("SubscriptionControlsException", str(fault)) from None

    def _since(self, stated: str | None) -> datetime:
        if stated is None:
            return self._now
        try:
            return moment(stated)
        except BadValue as fault:
            raise SoapFault("SubscriptionControlsException", f"initialRecordTime {fault}") from None

    def _dest(self, stated: str) -> str:
        allowed = settings_of(self._request).webhooks_to_private_addresses
        try:
            destination = Destination.parse(stated)
            check(destination, private_allowed=allowed)
        except BadDestination as fault:
            raise SoapFault("InvalidURIException", f"dest {fault}") from None
        return str(destination)

    def _unsubscribe(self, message: QueryMessage) -> etree._Element:
        wanted = message.subscription_id
        with self._store.write(self._now) as tx:
            known = subscription.get(tx, wanted, party=self._caller.party)
            if known is None or not subscription.remove(tx, wanted):
                raise SoapFault("NoSuchSubscriptionException", f"no subscription '{wanted[:200]}'")
        return self._wrapping.element("UnsubscribeResult")

    def _subscription_ids(self, message: QueryMessage) -> etree._Element:
        name = message.query_name
        with self._store.read(party=self._caller.party) as snapshot:
            is_known = name in STANDARD or named.get(snapshot, name, party=self._caller.party)
            if not is_known:
                raise SoapFault("NoSuchNameException", f"there is no query '{name[:200]}'")
            ones = subscription.of_query(
                snapshot,
                name,
                party=self._caller.party,
                rows_max=subscription.SUBSCRIPTIONS_MAX,
            )
        return self._wrapping.texts("GetSubscriptionIDsResult", (one.id for one in ones))


def _all_events(
    snapshot: Snapshot, asked: Query, selection: search.Selection
) -> list[search.FoundEvent]:
    """Every event of a result; raises QueryTooLargeException where they are too many."""
    limit = asked.event_count_limit
    if limit is None or limit > RESULTS_MAX:
        maximum = min(asked.max_event_count or RESULTS_MAX, RESULTS_MAX)
        search.refuse_if_too_many(snapshot, asked, selection, maximum)
    wanted = limit or RESULTS_MAX
    events: list[search.FoundEvent] = []
    after: tuple[int | float | str, ...] | None = None
    while len(events) < wanted:
        rows_max = min(_BATCH, wanted - len(events))
        page = search.page(snapshot, asked, selection, rows_max=rows_max, after=after)
        events.extend(page.events)
        after = page.after
        if after is None:
            break
    return events


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Parameters ready for JSON."""
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }


def _replace_empty_list(found: etree._Element) -> None:
    """An answer without master data holds an empty vocabulary list, not an event list."""
    for body in found.iter("resultsBody"):
        for one in list(body):
            body.remove(one)
        etree.SubElement(body, "VocabularyList")


capable(router, "/soap", "GET, POST")
