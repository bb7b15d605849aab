"""A dashboard keeps a line open and sees shipments as they are captured."""

from __future__ import annotations

import orjson
import pytest
from repository import DEADLINE_S, send
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from epcis.http_context import Caller


@pytest.fixture
def query(served):
    with served.client() as client:
        client.post("/epcis/queries", json={"name": "all", "query": {"EQ_bizStep": ["shipping"]}})
    return served


def line(repository, parameters: str, token: str = "all", name: str = "all", **headers):
    address = repository.url.replace("http://", "ws://")
    return connect(
        f"{address}/epcis/queries/{name}/events?{parameters}",
        additional_headers={"Authorization": f"Bearer {token}", **headers},
        open_timeout=DEADLINE_S,
        close_timeout=DEADLINE_S,
    )


def heard(socket) -> list[str]:
    message = orjson.loads(socket.recv(timeout=DEADLINE_S))
    assert message["type"] == "EPCISQueryDocument"
    results = message["epcisBody"]["queryResults"]
    assert results["queryName"] == "all"
    listed = results["resultsBody"]["eventList"]
    return [one["eventID"].removeprefix("urn:uuid:") for one in listed]


def test_a_stream_tells_what_comes_from_now_on(query):
    send(query, "before")
    query.later(seconds=1)
    with line(query, "stream=true") as socket:
        assert socket.response.headers["GS1-Query-Min-Record-Time"].startswith(
            "2026-03-01T12:00:01"
        )
        send(query, "a")
        assert heard(socket) == ["a"]
        send(query, "other", bizStep="receiving")
        send(query, "b")
        assert heard(socket) == ["b"]


def test_a_schedule_tells_when_it_is_time(query):
    with line(query, "hour=1&minute=5&reportIfEmpty=true") as socket:
        send(query, "a")
        query.later(days=1)
        assert heard(socket) == ["a"]
        query.later(days=1)
        assert heard(socket) == []


def test_what_was_there_already_comes_when_asked_for(query):
    send(query, "a", "b")
    earlier = "stream=true&initialRecordTime=2000-01-01T00:00:00Z"
    with line(query, earlier, **{"GS1-EPC-Format": "Always_EPC_URN"}) as socket:
        message = socket.recv(timeout=DEADLINE_S)
        assert "urn:epc:id:sgtin:0614141.107346.a" in message


def test_two_on_the_line_each_see_what_they_may(query):
    mine = "urn:epc:id:sgln:0614141.00001.0"
    query.callers["partner"] = Caller("partner", frozenset({"query"}), "/414/0614141000012")
    with query.client("partner") as client:
        body = {"name": "own", "query": {"EQ_bizStep": ["shipping"]}}
        assert client.post("/epcis/queries", json=body).status_code == 201
    with (
        line(query, "stream=true") as everything,
        line(query, "stream=true", token="partner", name="own") as own,
    ):
        send(query, "a")
        send(query, "b", sourceList=[{"type": "owning_party", "source": mine}])
        seen = []
        while len(seen) < 2:
            seen += heard(everything)
        assert seen == ["a", "b"]
        told = orjson.loads(own.recv(timeout=DEADLINE_S))["epcisBody"]["queryResults"]
        assert [one["eventID"] for one in told["resultsBody"]["eventList"]] == ["urn:uuid:b"]


@pytest.mark.parametrize(
    ("parameters", "token", "name", "status"),
    [
        ("", "all", "all", 400),
        ("stream=true&hour=1", "all", "all", 400),
        ("stream=false", "all", "all", 400),
        ("hour=25", "all", "all", 400),
        ("stream=true&colour=red", "all", "all", 400),
        ("stream=true&initialRecordTime=soon", "all", "all", 400),
        ("stream=true", "all", "unknown", 404),
        ("stream=true", "sender", "all", 403),
        ("stream=true", "nobody", "all", 403),
    ],
)
def test_a_line_that_cannot_be_opened_is_refused_with_a_problem(
    query, parameters, token, name, status
):
    with pytest.raises(InvalidStatus) as refused, line(query, parameters, token, name):
        pass
    response = refused.value.response
    assert response.status_code == status
    assert orjson.loads(response.body)["type"].startswith("epcisException:")


def test_the_line_ends_with_the_server_and_with_the_subscriber(query):
    with line(query, "stream=true"):
        pass
    send(query, "a")
    query.later(seconds=1)
    with line(query, "stream=true") as socket:
        query.stop()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=DEADLINE_S)
