"""A partner's first day: send a file, wait for its job, find its events by every door."""

from __future__ import annotations

import gzip
from urllib.parse import quote

import orjson
import pytest
from asking import CONTEXT
from lxml import etree
from repository import new_repository, send, serving

from epcis.http_context import Caller
from epcis.query import paging
from epcis.query.names import Names

PACK = "https://id.gs1.org/01/00355555678908/21/U1"
PACK_URN = "urn:epc:id:sgtin:0355555.067890.U1"


@pytest.fixture(scope="module")
def shipment(examples) -> bytes:
    return (examples / "shipment.xml").read_bytes()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory, shipment):
    """A repository that holds one shipment."""
    repository = new_repository(tmp_path_factory.mktemp("stocked"))
    with serving(repository):
        job = repository.capture(shipment)
        assert job["success"], job
        yield repository
    repository.store.close()


def listed(answer) -> list[dict]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["type"] == "EPCISQueryDocument"
    return body["epcisBody"]["queryResults"]["resultsBody"]["eventList"]


def test_every_top_level_resource_leads_to_events(stocked):
    with stocked.client() as client:
        root = client.get("/epcis/")
        assert set(root.json()["member"]) == {
            *("events", "eventTypes", "epcs", "bizSteps", "bizLocations"),
            *("readPoints", "dispositions", "capture", "queries"),
        }
        for name in (
            "eventTypes",
            "epcs",
            "bizSteps",
            "bizLocations",
            "readPoints",
            "dispositions",
        ):
            answer = client.get(f"/epcis/{name}")
            assert answer.json()["type"] == "Collection"
            value = quote(answer.json()["member"][0], safe="")
            assert client.get(f"/epcis/{name}/{value}").json()["member"] == ["events"]
            assert listed(client.get(f"/epcis/{name}/{value}/events"))
            unknown = client.get(f"/epcis/{name}/{quote('urn:x:unknown', safe='')}/events")
            assert unknown.status_code == 404
            assert unknown.json()["type"] == "epcisException:NoSuchResourceException"


@pytest.mark.parametrize(
    "epc",
    [
        quote(PACK, safe=""),
        PACK,
        quote(PACK_URN, safe=""),
        PACK_URN,
        quote("https://pharma.example/01/00355555678908/21/U1?linkType=all", safe=""),
    ],
)
def test_an_item_is_addressed_by_urn_or_digital_link(stocked, epc):
    with stocked.client() as client:
        assert client.get(f"/epcis/epcs/{epc}").json()["member"] == ["events"]
        assert listed(client.get(f"/epcis/epcs/{epc}/events"))
        state = client.get(f"/epcis/epcs/{epc}/state").json()
    assert state["epc"] == PACK
    assert state["lot"]
    assert state["expiry"]
    assert state["topContainer"]


def test_an_event_is_addressed_by_its_id_and_by_its_hash(stocked):
    with stocked.client() as client:
        for event in listed(client.get("/epcis/events", params={"perPage": "3"})):
            event_id = event["eventID"]
            found = listed(client.get(f"/epcis/events/{quote(event_id, safe='')}"))
            assert [one["eventID"] for one in found] == [event_id]
        assert listed(client.get(f"/epcis/events/{event_id}"))  # as people paste it
        gone = client.get("/epcis/events/urn:uuid:00000000-0000-0000-0000-000000000000")
        assert gone.status_code == 404


@pytest.mark.parametrize(
    ("headers", "media_type", "epc"),
    [
        ({}, "application/json", PACK),
        ({"Accept": "application/ld+json"}, "application/ld+json", PACK),
        ({"GS1-EPC-Format": "Always_EPC_URN"}, "application/json", PACK_URN),
        ({"GS1-EPC-Format": "Never_Translates"}, "application/json", PACK_URN),
        ({"Accept": "application/xml"}, "application/xml", PACK),
        (
            {"Accept": "application/xml", "GS1-EPC-Format": "Always_EPC_URN"},
            "application/xml",
            PACK_URN,
        ),
        ({"Accept": "text/xml;q=0.9, application/json;q=0.1"}, "text/xml; charset=utf-8", PACK),
        ({"Accept": "application/xml", "GS1-EPCIS-Max": "1.2"}, "application/xml", PACK),
    ],
)  # fmt: skip
def test_the_caller_chooses_syntax_version_and_formats(stocked, headers, media_type, epc):
    with stocked.client(**headers) as client:
        answer = client.get("/epcis/events", params={"MATCH_anyEPC": PACK_URN, "perPage": "1"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == media_type
        assert epc in answer.text
        version = "1.2" if "GS1-EPCIS-Max" in headers else "2.0"
        assert answer.headers["GS1-EPCIS-Version"].startswith(version)
        if "xml" in media_type:
            root = etree.fromstring(answer.content)
            assert etree.QName(root).localname == "EPCISQueryDocument"
            assert root.get("schemaVersion") == version


@pytest.mark.parametrize(
    ("word", "spelling"),
    [
        ("Always_Web_URI", "https://ref.gs1.org/cbv/BizStep-shipping"),
        ("Always_URN", "urn:epcglobal:cbv:bizstep:shipping"),
        ("Never_Translates", "urn:epcglobal:cbv:bizstep:shipping"),
    ],
)
def test_words_in_xml_take_the_form_asked_for(stocked, word, spelling):
    with stocked.client(Accept="application/xml", **{"GS1-CBV-XML-Format": word}) as client:
        answer = client.get("/epcis/events", params={"EQ_bizStep": "shipping"})
    assert f"<bizStep>{spelling}</bizStep>" in answer.text
    assert answer.headers["GS1-CBV-XML-Format"] == word


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"GS1-EPCIS-Min": "3.0"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Max": "1.0"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Min": "2.0", "GS1-EPCIS-Max": "1.2"}, 406, "NotAcceptableException"),
        ({"GS1-CBV-Min": "9"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Max": "1.2"}, 406, "NotAcceptableException"),  # 1.2 is no JSON
        ({"GS1-EPCIS-Min": "two"}, 400, "ValidationException"),
        ({"GS1-EPC-Format": "Always_Barcode"}, 406, "NotAcceptableException"),
        ({"Accept": "image/png"}, 406, "NotAcceptableException"),
        ({"GS1-Extensions": "ex"}, 400, "QueryParameterException"),
    ],
)
def test_what_cannot_be_agreed_on_is_said_by_name(stocked, headers, status, kind):
    headers = {"Accept": "application/json", **headers}
    with stocked.client(**headers) as client:
        answer = client.get("/epcis/events")
    assert (answer.status_code, answer.json()["type"]) == (status, f"epcisException:{kind}")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_problem_comes_as_xml_where_xml_was_asked_for(stocked):
    with stocked.client(Accept="application/xml") as client:
        answer = client.get("/epcis/events", params={"EQ_action": "MOVE"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+xml"
    root = etree.fromstring(answer.content)
    assert etree.QName(root).localname == "EPCISException"
    assert root.findtext("type") == "epcisException:QueryParameterException"
    assert "MOVE" in root.findtext("detail")


def test_two_values_of_one_version_header_contradict_each_other(stocked):
    headers = [
        ("Authorization", "Bearer all"),
        ("GS1-EPCIS-Version", "2.0.0"),
        ("GS1-EPCIS-Version", "1.2.0"),
        ("Content-Type", "application/json"),
    ]
    with stocked.client() as client:
        answer = client.post("/epcis/capture", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]


def test_options_tell_what_is_possible_everywhere(stocked, shared):
    paths = orjson.loads((shared / "epcis/standard/rest/openapi.json").read_bytes())["paths"]
    with stocked.client() as client:
        client.post("/epcis/queries", json={"name": "q", "query": {}})
        for path, methods in paths.items():
            if "subscriptionID" in path or "nextPageToken" in path:
                continue
            address = "/epcis" + path.replace("{queryName}", "q").replace("{", "").replace("}", "")
            answer = client.options(address)
            assert answer.status_code == 204, (path, answer.text)
            allowed = {one.strip() for one in answer.headers["Allow"].split(",")}
            assert allowed >= {one.upper() for one in methods if one != "parameters"}, path
            assert answer.headers["GS1-EPCIS-Min"] == "1.2.0"
        capture = client.options("/epcis/capture").headers
        assert capture["GS1-Capture-Error-Behaviour"] == "all"
        assert int(capture["GS1-EPCIS-Capture-Limit"]) == 10_000
        assert int(capture["GS1-EPCIS-Capture-File-Size-Limit"]) == 64 * 2**20


def test_pages_are_linked_until_the_last(stocked):
    with stocked.client() as client:
        whole = listed(client.get("/epcis/events", params={"perPage": "1000"}))
        url, seen = "/epcis/events?perPage=2&GE_eventTime=2000-01-01T00:00:00%2B01:00", []
        while url:
            answer = client.get(url)
            seen += [one["eventID"] for one in listed(answer)]
            url = answer.links.get("next", {}).get("url")
            assert (url is None) == ("GS1-Next-Page-Token-Expires" not in answer.headers)
        assert seen == [one["eventID"] for one in whole]
        for name in ("epcs", "bizSteps"):
            members = client.get(f"/epcis/{name}?perPage=1000").json()["member"]
            url, seen = f"/epcis/{name}?perPage=1", []
            while url:
                answer = client.get(url)
                seen += answer.json()["member"]
                url = answer.links.get("next", {}).get("url")
            assert seen == members


def test_a_page_token_is_good_for_its_list_its_time_and_until_given_back(stocked):
    with stocked.client() as client:

        def token() -> str:
            link = client.get("/epcis/events?perPage=1").links["next"]["url"]
            return link.partition("nextPageToken=")[2]

        def follow(address: str, token: str) -> int:
            return client.get(f"{address}nextPageToken={token}").status_code

        mine = token()
        assert follow("/epcis/events?perPage=1&", mine) == 200
        assert follow("/epcis/events?EQ_action=ADD&", mine) == 400
        assert follow("/epcis/epcs?", mine) == 400
        assert follow("/epcis/events?perPage=1&", mine[:-4]) == 404
        assert follow("/epcis/events?perPage=1&", "x") == 404
        assert client.delete(f"/epcis/nextPageToken/{mine}").status_code == 204
        assert follow("/epcis/events?perPage=1&", mine) == 404
        assert client.delete("/epcis/nextPageToken/nonsense").status_code == 404
        stocked.later(seconds=1)
        aged = token()
        stocked.later(hours=2)
        assert follow("/epcis/events?perPage=1&", aged) == 404


def test_limits_on_the_number_of_events_are_exact(stocked):
    with stocked.client() as client:
        count = len(listed(client.get("/epcis/events?perPage=1000")))
        assert client.get(f"/epcis/events?maxEventCount={count}").status_code == 200
        too_many = client.get(f"/epcis/events?maxEventCount={count - 1}")
        assert too_many.status_code == 413
        assert too_many.json()["type"] == "epcisException:QueryTooLargeException"
        url, seen = "/epcis/events?orderBy=eventTime&eventCountLimit=3&perPage=2", []
        while url:
            answer = client.get(url)
            seen += listed(answer)
            url = answer.links.get("next", {}).get("url")
        assert len(seen) == 3
        assert client.get("/epcis/events?perPage=0").status_code == 400
        assert client.get("/epcis/events?EQ_action=ADD&EQ_action=DELETE").status_code == 400


def test_an_address_that_is_too_long_is_said_so(stocked):
    with stocked.client() as client:
        answer = client.get("/epcis/events", params={"EQ_bizStep": "x" * 40_000})
    assert answer.status_code == 414
    assert answer.json()["type"] == "epcisException:URITooLongException"


def test_a_named_query_is_kept_asked_and_dropped(stocked):
    definition = {"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}}
    with stocked.client() as client:
        made = client.post("/epcis/queries", json=definition)
        assert made.status_code == 201
        assert client.get(made.headers["Location"]).json() == definition
        assert client.post("/epcis/queries", json=definition).status_code == 409
        assert definition in client.get("/epcis/queries").json()
        shipped = listed(client.get("/epcis/queries/shipped/events"))
        assert {one["bizStep"] for one in shipped} == {"shipping"}
        assert (
            client.get("/epcis/queries/unknown/events").json()["type"]
            == "epcisException:NoSuchNameException"
        )
        assert client.get("/epcis/queries/shipped/events?EQ_action=ADD").status_code == 400
        assert client.delete("/epcis/queries/shipped").status_code == 204
        assert client.get("/epcis/queries/shipped").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"name": "a"},
        {"name": "a/b", "query": {}},
        {"name": "", "query": {}},
        {"name": 5, "query": {}},
        {"name": "a", "query": []},
        {"name": "a", "query": {"EQ_bizStep": 5}},
        {"name": "a", "query": {"EQ_ex:grade": "A"}},
        {"name": "a", "query": {}, "more": 1},
    ],
)
def test_a_query_that_is_none_is_refused_and_not_kept(stocked, body):
    with stocked.client() as client:
        answer = client.post("/epcis/queries", json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["type"].startswith("epcisException:Query")
        assert client.get("/epcis/queries/a").status_code == 404


def test_a_query_brings_its_own_prefixes(stocked):
    query = {
        "@context": [CONTEXT, {"hc": "http://epcis.gs1us.org/hc/ns"}],
        "EXISTS_hc:dropShipment": None,
    }
    with stocked.client() as client:
        client.post("/epcis/queries", json={"name": "drops", "query": query})
        assert listed(client.get("/epcis/queries/drops/events"))
        url = "/epcis/events?EXISTS_hc:dropShipment="
        assert client.get(url).status_code == 400
        declared = {"GS1-Extensions": "hc=http://epcis.gs1us.org/hc/ns"}
        answer = client.get(url, headers=declared)
        assert listed(answer)
        assert answer.headers["GS1-Extensions"] == declared["GS1-Extensions"]


def test_the_list_of_items_can_keep_the_spelling_of_the_senders(served):
    crate = "https://crates.example/8003/00614141123452400"
    send(served, "1")
    send(served, "2", epcList=[crate, "urn:epc:id:sgtin:0614141.107346.2"])
    with served.client(**{"GS1-EPC-Format": "Never_Translates"}) as client:
        assert client.get("/epcis/epcs").json()["member"] == [
            "urn:epc:id:sgtin:0614141.107346.1",
            crate,
            "urn:epc:id:sgtin:0614141.107346.2",
        ]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_an_address_the_standard_does_not_have_is_no_resource(stocked, method):
    with stocked.client() as client:
        answer = client.request(method, "/epcis/happenings")
        assert answer.status_code == 404
        assert answer.json()["type"] == "epcisException:NoSuchResourceException"
        told = client.request(method, "/epcis/a/b", headers={"Accept": "application/xml"})
        assert told.headers["Content-Type"] == "application/problem+xml"
        far = client.request(method, "/epcis/" + "a" * 40_000)
        assert (far.status_code, far.json()["status"]) == (414, 414)


def test_callers_need_the_scope_for_what_they_do(stocked):
    def status(token: str, method: str, path: str) -> int:
        with stocked.client(token) as client:
            return client.request(method, path).status_code

    assert status("reader", "GET", "/epcis/events") == 200
    assert status("sender", "GET", "/epcis/events") == 403
    assert status("nobody", "GET", "/epcis/events") == 401
    assert status("reader", "POST", "/epcis/capture") == 403
    assert status("nobody", "POST", "/epcis/events") == 401
    assert status("nobody", "POST", "/epcis/queries") == 401


def test_a_packed_body_is_unpacked(served, shipment):
    job = served.capture(gzip.compress(shipment), **{"Content-Encoding": "gzip"})
    assert job["success"]


def test_partners_see_their_own_and_cannot_tell_forbidden_from_unknown(served):
    """Lists, counts, ids, items, states, places and master data are all a party's own view."""
    ours, theirs = "0614141000012", "4012345000009"
    served.callers["ours"] = Caller("ours", frozenset({"query", "capture"}), f"/414/{ours}")

    def one(letter: str, owner: str) -> dict:
        source = [{"type": "owning_party", "source": f"https://id.gs1.org/414/{owner}"}]
        place = {"id": f"https://id.gs1.org/414/{owner}/254/{letter}"}
        return {"sourceList": source, "readPoint": place, "bizStep": f"urn:x:{letter}"}

    send(served, "a", **one("a", ours))
    send(served, "b", **one("b", theirs))
    with served.client("ours") as client, served.client() as everyone:
        assert [e["eventID"] for e in listed(client.get("/epcis/events"))] == ["urn:uuid:a"]
        assert len(listed(everyone.get("/epcis/events"))) == 2
        assert client.get("/epcis/events?maxEventCount=1").status_code == 200
        assert client.get("/epcis/bizSteps").json()["member"] == ["urn:x:a"]
        assert len(client.get("/epcis/epcs").json()["member"]) == 1
        assert client.get("/epcis/readPoints").json()["member"] == [
            f"https://id.gs1.org/414/{ours}/254/a"
        ]
        for address in (
            "events/urn:uuid:b",
            "bizSteps/urn:x:b",
            "bizSteps/urn:x:b/events",
            "epcs/urn:epc:id:sgtin:0614141.107346.b",
            "epcs/urn:epc:id:sgtin:0614141.107346.b/events",
            "epcs/urn:epc:id:sgtin:0614141.107346.b/state",
        ):
            forbidden = client.get(f"/epcis/{address}")
            unknown = client.get(f"/epcis/{address.replace('b', 'z', 1).replace(':b', ':z')}")
            assert (forbidden.status_code, unknown.status_code) == (404, 404), address
            assert everyone.get(f"/epcis/{address}").status_code == 200, address
        everyone.post("/epcis/queries", json={"name": "q", "query": {}})
        assert client.get("/epcis/queries/q").status_code == 404
        assert client.get("/epcis/queries").json() == []


def test_another_method_is_told_which_ones_there_are(stocked):
    with stocked.client() as client:
        for path, allowed in (
            ("events", {"OPTIONS", "GET", "POST"}),
            ("capture", {"OPTIONS", "GET", "POST"}),
            ("queries/x", {"OPTIONS", "GET", "DELETE"}),
            ("epcs/urn:x", {"OPTIONS", "GET"}),
        ):
            answer = client.put(f"/epcis/{path}")
            assert answer.status_code == 405
            assert {one.strip() for one in answer.headers["Allow"].split(",")} == allowed


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/epcis/events", ("x",)),
        ("/epcis/events", (2**63 - 1,)),
        ("/epcis/events?orderBy=eventTime&", ("2026", 5)),
        ("/epcis/events?orderBy=eventTime&", (1.5, 5)),
        ("/epcis/events", (1, 2, 3)),
        ("/epcis/epcs", ("x",)),
        ("/epcis/bizSteps", (5,)),
        ("/epcis/queries", (5,)),
        ("/epcis/capture", ("yesterday",)),
    ],
)
def test_a_forged_token_is_refused_like_any_other_bad_one(stocked, path, after):
    """The fingerprint holds no secret; whoever computes it gains a refusal or an empty page."""
    plain = path.partition("?")[0]
    words = "[('orderBy', 'eventTime')]" if "?" in path else "[]"
    parts = [plain, words, "all", None, repr(Names())] if "events" in path else [plain, "all", None]
    if path == "/epcis/capture":
        parts = [plain, "all"]
    forged = paging.token(
        paging.PageCursor(paging.fingerprint(*parts), paging.expiry(stocked.now), after, 99)
    )
    with stocked.client() as client:
        joint = "" if path.endswith("&") else "?"
        answer = client.get(f"{path}{joint}nextPageToken={forged}")
    assert answer.status_code in {200, 400, 404}, answer.text
    assert "another list" not in answer.text
