"""The seven operations and their exceptions, asked as old portals ask them."""

from __future__ import annotations

import pytest
from lxml import etree
from portal import ask, param, poll
from repository import new_repository, send, serving

from epcis.query.envelope import QUERY_1, QUERY_2, SOAP_1_1, SOAP_1_2


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    repository = new_repository(tmp_path_factory.mktemp("portal"))
    with serving(repository):
        send(repository, "a", "b")
        with repository.client() as client:
            body = {"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}}
            client.post("/epcis/queries", json=body)
        yield repository
    repository.store.close()


def subscribe(controls: str, **changed: str) -> str:
    told = {"name": "SimpleEventQuery", "dest": "http://127.0.0.1:9/", "id": "s1", **changed}
    return (
        f"<q:Subscribe><queryName>{told['name']}</queryName><params>{told.get('params', '')}"
        f"</params><dest>{told['dest']}</dest><controls>{controls}</controls>"
        f"<subscriptionID>{told['id']}</subscriptionID></q:Subscribe>"
    )


HOURLY = "<schedule><minute>0</minute></schedule><reportIfEmpty>false</reportIfEmpty>"


def test_what_there_is_to_ask(portal):
    name, inside, _ = ask(portal, "<q:GetQueryNames/>")
    assert name == "GetQueryNamesResult"
    assert {one.text for one in inside} == {"SimpleEventQuery", "SimpleMasterDataQuery", "shipped"}
    assert ask(portal, "<q:GetStandardVersion/>")[1].text == "1.2"
    assert ask(portal, "<q:GetStandardVersion/>", namespace=QUERY_2)[1].text == "2.0"
    assert ask(portal, "<q:GetVendorVersion/>")[1].text.startswith("Packtrail/")


@pytest.mark.parametrize("envelope", [SOAP_1_1, SOAP_1_2])
@pytest.mark.parametrize("namespace", [QUERY_1, QUERY_2])
def test_a_poll_in_every_wrapping(portal, envelope, namespace):
    steps = param("EQ_bizStep", "<string>shipping</string>", "q:ArrayOfString")
    name, inside, answer = ask(portal, poll(steps), envelope=envelope, namespace=namespace)
    assert (answer.status_code, name) == (200, "QueryResults")
    assert len(inside.findall("resultsBody/EventList/ObjectEvent")) == 2


def test_typed_values_and_empty_ones_are_understood(portal):
    asked = poll(
        param("GE_eventTime", "2026-01-01T00:00:00Z", "xsd:dateTime")
        + param("maxEventCount", "2", "xsd:int")
        + param("EXISTS_errorDeclaration", "", "q:VoidHolder")
    )
    name, inside, _ = ask(portal, asked)
    assert name == "QueryResults"
    assert not inside.findall("resultsBody/EventList/*")
    assert len(ask(portal, poll(name="shipped"))[1].findall("resultsBody/EventList/*")) == 2


@pytest.mark.parametrize(
    ("message", "exception"),
    [
        (poll(param("EQ_nonsense", "<string>x</string>")), "QueryParameterException"),
        (poll(param("EQ_bizStep", "", "q:ArrayOfString")), "QueryParameterException"),
        (poll(param("EQ_action", "<string>MOVE</string>")), "QueryParameterException"),
        (poll(param("maxEventCount", "1", "xsd:int")), "QueryTooLargeException"),
        (poll(param("a", "1") + param("a", "2")), "QueryParameterException"),
        (poll(name="unknown"), "NoSuchNameException"),
        (poll(param("EQ_action", "<string>ADD</string>"), "shipped"), "QueryParameterException"),
        (poll(name="SimpleMasterDataQuery"), "QueryParameterException"),
        (poll(name=""), "ValidationException"),
        ("<q:Dance/>", "ValidationException"),
        ("", "ValidationException"),
        ("<q:GetQueryNames/><q:GetQueryNames/>", "ValidationException"),
        ("<q:Unsubscribe><subscriptionID>x</subscriptionID></q:Unsubscribe>",
         "NoSuchSubscriptionException"),
        ("<q:GetSubscriptionIDs><queryName>x</queryName></q:GetSubscriptionIDs>",
         "NoSuchNameException"),
        (subscribe(HOURLY, name="SimpleMasterDataQuery"), "SubscribeNotPermittedException"),
        (subscribe(HOURLY, name="unknown"), "NoSuchNameException"),
        (subscribe(HOURLY, dest="mailto:x@y.example"), "InvalidURIException"),
        (subscribe("<reportIfEmpty>false</reportIfEmpty>"), "SubscriptionControlsException"),
        (subscribe("<trigger>urn:x</trigger>"), "SubscriptionControlsException"),
        (subscribe("<schedule><minute>99</minute></schedule>"), "SubscriptionControlsException"),
        (subscribe(HOURLY + "<initialRecordTime>soon</initialRecordTime>"),
         "SubscriptionControlsException"),
        (subscribe(HOURLY, params=param("maxEventCount", "5")), "SubscribeNotPermittedException"),
        (subscribe("<schedule><minute>0</minute></schedule><reportIfEmpty>perhaps</reportIfEmpty>"),
         "ValidationException"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_the_standards_name(portal, message, exception):
    name, inside, answer = (
        ask(portal, message) if message else ask(portal, "<!-- nothing -->", namespace=QUERY_1)
    )
    assert name == exception
    assert inside.findtext("reason")
    assert answer.status_code == 500  # what SOAP 1.1 wants of a fault


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<a><b></a>",
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        b"<e:Envelope xmlns:e='urn:unknown'/>",
        b"<x>" * 100_000,
        b"\x00" * 100,
        b"<x>" + b" " * 2_000_000 + b"</x>",
    ],
)
def test_what_is_no_message_is_refused_without_an_envelope(portal, content):
    with portal.client() as client:
        answer = client.post("/epcis/soap", content=content)
    assert answer.status_code == 400
    assert etree.QName(etree.fromstring(answer.content)).localname.endswith("Exception")
    assert b"root:" not in answer.content


def test_a_comment_inside_a_value_does_not_cut_it(portal):
    commented = poll(
        param("EQ_bizStep", "<string>ship<!-- by hand -->ping</string>"),
        name="Simple<!-- the usual one -->EventQuery",
    )
    name, inside, _ = ask(portal, commented)
    assert name == "QueryResults"
    assert len(inside.findall("resultsBody/EventList/ObjectEvent")) == 2


def test_subscriptions_are_listed_for_their_query(portal):
    assert ask(portal, subscribe(HOURLY, id="listed"))[0] == "SubscribeResult"
    asked = "<q:GetSubscriptionIDs><queryName>SimpleEventQuery</queryName></q:GetSubscriptionIDs>"
    assert [one.text for one in ask(portal, asked)[1]] == ["listed"]


def test_the_description_offers_what_the_published_one_does(portal, shared):
    published = shared / "epcis/standard/soap/EPCglobal-epcis-query-2_0.wsdl"
    with portal.client() as client:
        own = etree.fromstring(client.get("/epcis/soap?wsdl").content)
        assert faults(own) == faults(etree.parse(published).getroot())
        location = own.find(".//{http://www.w3.org/2001/XMLSchema}import").get("schemaLocation")
        waiting, seen = [location], set()
        while waiting:
            url = waiting.pop()
            seen.add(url)
            schema = etree.fromstring(client.get(url).content)
            waiting += [
                found
                for one in schema.iter("{*}import", "{*}include")
                if (found := one.get("schemaLocation")) not in seen
            ]
        assert len(seen) > 1
        assert client.get("/epcis/soap?xsd=../secret.xsd").status_code == 404


def faults(wsdl: etree._Element) -> dict[str, set[str]]:
    port = wsdl.find("{*}portType")
    return {
        operation.get("name"): {fault.get("name") for fault in operation.findall("{*}fault")}
        for operation in port.findall("{*}operation")
    }


def test_a_portal_of_1_2_is_answered_in_the_words_of_1_2(served):
    """The event came as JSON-LD: with Digital Links and bare words, which 1.2 does not have."""
    send(
        served,
        "c",
        epcList=["https://id.gs1.org/01/10614141073464/21/c"],
        disposition="https://ref.gs1.org/cbv/Disp-in_transit",
        readPoint={"id": "https://id.gs1.org/414/0614141000012"},
    )
    asked = param("MATCH_epc", "<string>urn:epc:id:sgtin:0614141.107346.c</string>")
    _, inside, _ = ask(served, poll(asked))
    (event,) = inside.findall("resultsBody/EventList/ObjectEvent")
    assert event.findtext("epcList/epc") == "urn:epc:id:sgtin:0614141.107346.c"
    assert event.findtext("bizStep") == "urn:epcglobal:cbv:bizstep:shipping"
    assert event.findtext("disposition") == "urn:epcglobal:cbv:disp:in_transit"
    assert event.findtext("readPoint/id") == "urn:epc:id:sgln:0614141.00001.0"
    with served.client(**{"GS1-EPCIS-Max": "1.2"}) as client:
        answer = client.get("/epcis/events?MATCH_epc=urn:epc:id:sgtin:0614141.107346.c")
    assert answer.headers["GS1-CBV-XML-Format"] == "Always_URN"
    assert "urn:epcglobal:cbv:bizstep:shipping" in answer.text
