"""The public interoperability test of the 1.2 query interface: 25 questions, their known answers.

Events and vocabulary elements are compared as sets, because the standard leaves their order open;
their inside is compared element by element, with surrounding blanks cut. Record times are the
repository's own and left out. An exception is compared by its name, its reason being free text.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from lxml import etree
from repository import new_repository, serving

from epcis.query.envelope import QUERY_1, SOAP_1_1

QUESTIONS = [f"MD{n}" for n in range(1, 6)] + [f"SE{n}" for n in range(1, 21)]
NOBODY = {"SE2", "SE5"}
"""Questions that are asked by somebody who may not ask."""
SUBSCRIBED = {"SE4", "SE6", "SE8", "SE9"}
"""Questions whose answer comes by itself, at the next full hour."""
_UNORDERED = {"EventList", "VocabularyList", "VocabularyElementList", "children"}


@pytest.fixture(scope="module")
def suite(shared):
    return shared / "epcis/query-interop"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory, suite):
    """A repository that took each file right after its last event."""
    repository = new_repository(tmp_path_factory.mktemp("interop"))
    with serving(repository) as served:
        made = datetime(2006, 6, 25, tzinfo=UTC)
        (masterdata,) = (suite / "masterdata").glob("*.xml")
        served.captured(made, masterdata.read_bytes())
        for file in sorted((suite / "events").glob("*.xml")):
            times = etree.parse(file).findall(".//eventTime")
            latest = max(datetime.fromisoformat(one.text.strip()) for one in times)
            served.captured(latest, file.read_bytes())
        yield served
    repository.store.close()


def question(suite, name: str) -> etree._Element:
    (file,) = (suite / "requests").glob(f"Test-EPCIS10-{name}-Request*.xml")
    return etree.parse(file).getroot()


def expected(suite, name: str) -> etree._Element:
    (file,) = (suite / "responses").glob(f"Test-EPCIS10-{name}-Response*.xml")
    return etree.parse(file).getroot()


def in_envelope(content: etree._Element) -> bytes:
    root = etree.Element(f"{{{SOAP_1_1}}}Envelope")
    etree.SubElement(root, f"{{{SOAP_1_1}}}Body").append(content)
    return etree.tostring(root)


def ending(subscription_id: str) -> etree._Element:
    element = etree.Element(f"{{{QUERY_1}}}Unsubscribe")
    etree.SubElement(element, "subscriptionID").text = subscription_id
    return element


def out_of_envelope(content: bytes) -> etree._Element:
    """What is in the body; of a fault, the standard's exception."""
    body = etree.fromstring(content).find(f"{{{SOAP_1_1}}}Body")
    inside = body[0]
    if etree.QName(inside).localname == "Fault":
        (inside,) = inside.find("detail")
    return inside


def value(element: etree._Element):
    """An element as something comparable."""
    children = [one for one in element if isinstance(one.tag, str) and one.tag != "recordTime"]
    inside = [value(one) for one in children]
    if etree.QName(element).localname in _UNORDERED:
        inside = frozenset(Counter(inside).items())
    else:
        inside = tuple(inside)
    attributes = tuple(sorted(element.attrib.items()))
    text = "" if children else (element.text or "").strip()
    return element.tag, attributes, text, inside


def compared(answer: etree._Element):
    name = etree.QName(answer).localname
    if name.endswith("Exception"):
        return name
    results = {}
    for part in ("queryName", "subscriptionID"):
        results[part] = (answer.findtext(part) or "").strip()
    lists = answer.findall("resultsBody/*")
    members = (one for many in lists for one in many if isinstance(one.tag, str))
    results["members"] = Counter(value(one) for one in members)
    return results


@pytest.mark.parametrize("name", [one for one in QUESTIONS if one not in SUBSCRIBED])
def test_a_question_gets_the_known_answer(loaded, suite, name):
    token = "sender" if name in NOBODY else "reader"
    with loaded.client(token) as client:
        answer = client.post(
            "/epcis/soap",
            content=in_envelope(question(suite, name)),
            headers={"Content-Type": "text/xml"},
        )
    assert compared(out_of_envelope(answer.content)) == compared(expected(suite, name))


@pytest.mark.parametrize("name", sorted(SUBSCRIBED))
def test_a_subscription_is_told_the_known_answer(loaded, suite, webhook, name):
    asked = question(suite, name)
    asked.find("dest").text = webhook.url
    with loaded.client("reader") as client:
        answer = client.post("/epcis/soap", content=in_envelope(asked))
    assert etree.QName(out_of_envelope(answer.content)).localname == "SubscribeResult"
    loaded.later(hours=1)
    ((_, headers, body),) = webhook.wait_for(1)
    document = etree.fromstring(body)
    assert headers["Content-Type"] == "application/xml"
    told = document.find(f".//{{{QUERY_1}}}QueryResults")
    assert compared(told) == compared(expected(suite, name))
    with loaded.client("reader") as client:
        client.post("/epcis/soap", content=in_envelope(ending(f"Query{name}")))


def test_the_answer_is_as_bare_as_the_question(loaded, suite):
    with loaded.client() as client:
        answer = client.post("/epcis/soap", content=etree.tostring(question(suite, "SE16")))
    assert compared(etree.fromstring(answer.content)) == compared(expected(suite, "SE16"))


def test_a_repeated_subscription_id_is_refused_and_an_ended_one_is_gone(loaded, suite, webhook):
    asked = question(suite, "SE4")
    asked.find("dest").text = webhook.url

    def answer(content: bytes) -> str:
        with loaded.client() as client:
            response = client.post("/epcis/soap", content=content)
        return etree.QName(out_of_envelope(response.content)).localname

    subscribe = in_envelope(asked)
    assert answer(subscribe) == "SubscribeResult"
    assert answer(subscribe) == "DuplicateSubscriptionException"
    unsubscribe = in_envelope(ending("QuerySE4"))
    assert answer(unsubscribe) == "UnsubscribeResult"
    assert answer(unsubscribe) == "NoSuchSubscriptionException"
    loaded.later(hours=2)
    assert not webhook.received
