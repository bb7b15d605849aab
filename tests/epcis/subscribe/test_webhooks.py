"""A partner is told what it asked for: in order, signed, until it answers, and after a restart."""

from __future__ import annotations

import hashlib
import hmac
import re

import orjson
import pytest
from portal import ask
from repository import eventually, new_repository, send, serving

from epcis.query.envelope import QUERY_1, QUERY_2


def subscribe(repository, webhook, token: str = "all", **body) -> str:
    """Subscribe to all shipments; the address of the subscription."""
    with repository.client(token) as client:
        name = f"shipments-of-{token}"
        client.post("/epcis/queries", json={"name": name, "query": {"EQ_bizStep": ["shipping"]}})
        answer = client.post(
            f"/epcis/queries/{name}/subscriptions", json={"dest": webhook.url, **body}
        )
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]


def told(delivery) -> list[str]:
    _, _, body = delivery
    events = orjson.loads(body)["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return [one["eventID"].removeprefix("urn:uuid:") for one in events]


def taken(webhook) -> list[str]:
    return [one for each in webhook.received if each[0] < 300 for one in told(each)]


def state(repository, location: str) -> dict:
    with repository.client() as client:
        return client.get(location).json()


def test_what_matches_is_told_as_it_comes_and_nothing_else(served, webhook):
    send(served, "before")
    served.later(seconds=1)
    location = subscribe(served, webhook, stream=True)
    send(served, "a")
    webhook.wait_for(1)
    send(served, "other", bizStep="receiving")
    send(served, "b")
    webhook.wait_for(2)
    assert taken(webhook) == ["a", "b"]
    _, headers, body = webhook.received[0]
    assert headers["Content-Type"] == "application/json"
    results = orjson.loads(body)["epcisBody"]["queryResults"]
    assert results["queryName"] == "shipments-of-all"
    assert results["subscriptionID"] == location.rpartition("/")[2]
    eventually(lambda: "lastNotifiedAt" in state(served, location))
    with served.client() as client:
        assert client.delete(location).status_code == 204
        assert client.get(location).status_code == 404
    send(served, "c")
    assert taken(webhook) == ["a", "b"]


def test_an_earlier_record_time_brings_what_is_there_already(served, webhook):
    send(served, "a", "b")
    subscribe(served, webhook, stream=True, initialRecordTime="2000-01-01T00:00:00Z")
    webhook.wait_for(1)
    assert taken(webhook) == ["a", "b"]


def test_a_new_subscription_says_from_which_record_time_it_will_be_told(served, webhook):
    """By the hour, so that nothing has been told yet."""
    at = {"schedule": {"minute": "0"}, "initialRecordTime": "2000-01-01T00:00:00Z"}
    location = subscribe(served, webhook, **at)
    assert state(served, location)["minRecordTime"] == "2000-01-01T00:00:00.000Z"
    with served.client() as client:
        stated = client.options(location).headers["GS1-Query-Min-Record-Time"]
    assert stated == "2000-01-01T00:00:00.000Z"


def test_urns_are_delivered_by_the_company_prefixes_of_the_house(repository, webhook):
    """GS1's table does not have the prefix; the operator does."""
    repository.settings.company_prefixes = ("9529990",)
    with serving(repository):
        with repository.client(**{"GS1-EPC-Format": "Always_EPC_URN"}) as client:
            client.post("/epcis/queries", json={"name": "all", "query": {}})
            to = {"dest": webhook.url, "stream": True}
            assert client.post("/epcis/queries/all/subscriptions", json=to).status_code == 201
        send(repository, "a", epcList=["https://id.gs1.org/01/09529990000018/21/a"])
        ((_, headers, body),) = webhook.wait_for(1)
    assert headers["GS1-EPC-Format"] == "Always_EPC_URN"
    assert b'"urn:epc:id:sgtin:9529990.000001.a"' in body


@pytest.mark.parametrize(("namespace", "version"), [(QUERY_1, "1.2"), (QUERY_2, "2.0.0")])
def test_a_portals_delivery_says_which_version_it_is(served, webhook, namespace, version):
    schedule = "<schedule><minute>0</minute></schedule><reportIfEmpty>true</reportIfEmpty>"
    message = (
        f"<q:Subscribe><queryName>SimpleEventQuery</queryName><params/><dest>{webhook.url}</dest>"
        f"<controls>{schedule}</controls><subscriptionID>hourly</subscriptionID></q:Subscribe>"
    )
    assert ask(served, message, namespace=namespace)[0] == "SubscribeResult"
    served.later(hours=1)
    ((_, headers, body),) = webhook.wait_for(1)
    assert headers["GS1-EPCIS-Version"] == version
    assert headers["GS1-CBV-XML-Format"]
    assert f'schemaVersion="{version[:3]}"'.encode() in body


def test_a_delivery_is_signed_with_the_subscribers_token_and_the_time(served, webhook):
    location = subscribe(served, webhook, stream=True, signatureToken="between us")
    assert "between us" not in orjson.dumps(state(served, location)).decode()
    send(served, "a")
    ((_, headers, body),) = webhook.wait_for(1)
    found = re.fullmatch(r"t=(\d+),alg=HMAC-SHA256,v1=([0-9a-f]{64})", headers["GS1-Signature"])
    assert int(found[1]) == int(served.now.timestamp())
    expected = hmac.new(b"between us", found[1].encode() + b"." + body, hashlib.sha256)
    assert found[2] == expected.hexdigest()


def test_a_refused_delivery_is_repeated_later_and_nothing_is_lost(served, webhook):
    webhook.answers = [500, 503]
    location = subscribe(served, webhook, stream=True)
    send(served, "a")
    webhook.wait_for(1)
    eventually(lambda: state(served, location).get("lastError") == "answered 500")
    send(served, "b")
    assert len(webhook.received) == 1, "nothing is sent before the pause is over"
    served.later(seconds=6)
    webhook.wait_for(2)
    eventually(lambda: state(served, location).get("lastError") == "answered 503")
    served.later(seconds=11)
    webhook.wait_for(3)
    assert taken(webhook) == ["a", "b"]
    eventually(lambda: "lastError" not in state(served, location))


def test_a_batch_that_is_too_large_is_halved(served, webhook):
    send(served, *"abcdefgh")
    webhook.answers = [413, 413]
    subscribe(served, webhook, stream=True, initialRecordTime="2000-01-01T00:00:00Z")
    eventually(lambda: len(taken(webhook)) == 8)
    assert [len(told(one)) for one in webhook.received] == [8, 4, 2, 2, 2, 2]
    assert taken(webhook) == [*"abcdefgh"]


def test_a_redirect_is_not_followed(served, webhook):
    webhook.answers = [302]
    location = subscribe(served, webhook, stream=True)
    send(served, "a")
    webhook.wait_for(1)
    eventually(lambda: state(served, location).get("lastError") == "answered 302")
    assert len(webhook.received) == 1


def test_who_is_gone_for_good_is_not_asked_again(served, webhook):
    webhook.answers = [410]
    location = subscribe(served, webhook, stream=True)
    send(served, "a")
    eventually(lambda: state(served, location).get("suspended") is True)
    served.later(days=2)
    send(served, "b")
    assert len(webhook.received) == 1


def test_nobody_at_home_is_told_in_the_subscription(served, webhook):
    with served.client() as client:
        client.post("/epcis/queries", json={"name": "q", "query": {}})
        body = {"dest": "http://127.0.0.1:9/", "stream": True}
        location = client.post("/epcis/queries/q/subscriptions", json=body).headers["Location"]
    send(served, "a")
    eventually(lambda: "ConnectError" in state(served, location).get("lastError", ""))


def test_a_schedule_reports_when_it_is_time_even_nothing_if_asked(served, webhook):
    schedule = {"hour": "1", "minute": "5"}
    location = subscribe(served, webhook, schedule=schedule, reportIfEmpty=True)
    assert state(served, location)["schedule"] == schedule
    send(served, "a")
    assert not webhook.received
    served.later(days=1)
    webhook.wait_for(1)
    assert told(webhook.received[0]) == ["a"]
    eventually(lambda: "lastNotifiedAt" in state(served, location))
    served.later(days=1)
    webhook.wait_for(2)
    assert told(webhook.received[1]) == []


def test_after_a_restart_the_subscriber_is_told_what_it_has_not_taken(tmp_path, webhook):
    repository = new_repository(tmp_path)
    with serving(repository):
        location = subscribe(repository, webhook, stream=True)
        send(repository, "a")
        webhook.wait_for(1)
        webhook.answers = [500]
        send(repository, "b")
        webhook.wait_for(2)
        eventually(lambda: "lastError" in state(repository, location))
    repository.later(minutes=1)
    with serving(repository):
        webhook.wait_for(3)
        assert taken(webhook) == ["a", "b"]
    repository.store.close()


def test_deleting_the_query_ends_its_subscriptions(served, webhook):
    location = subscribe(served, webhook, stream=True)
    with served.client() as client:
        assert client.delete("/epcis/queries/shipments-of-all").status_code == 204
        assert client.get(location).status_code == 404
    send(served, "a")
    assert not webhook.received


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"stream": True}, "ValidationException"),
        ({"dest": "ftp://x/", "stream": True}, "ValidationException"),
        ({"dest": "https://user:secret@partner.example/", "stream": True}, "ValidationException"),
        ({"dest": "https://partner.example/ x", "stream": True}, "ValidationException"),
        ({"dest": 5, "stream": True}, "ValidationException"),
        ({"dest": "https://partner.example/"}, "SubscriptionControlsException"),
        (
            {"dest": "https://partner.example/", "stream": True, "schedule": {"hour": "1"}},
            "SubscriptionControlsException",
        ),
        (
            {"dest": "https://partner.example/", "stream": False},
            "SubscriptionControlsException",
        ),
        (
            {"dest": "https://partner.example/", "schedule": {"hour": "25"}},
            "SubscriptionControlsException",
        ),
        (
            {"dest": "https://partner.example/", "schedule": []},
            "SubscriptionControlsException",
        ),
        (
            {"dest": "https://partner.example/", "stream": True, "initialRecordTime": "soon"},
            "SubscriptionControlsException",
        ),
        (
            {"dest": "https://partner.example/", "stream": True, "signatureToken": ""},
            "ValidationException",
        ),
        (
            {"dest": "https://partner.example/", "stream": True, "reportIfEmpty": "yes"},
            "ValidationException",
        ),
        ({"dest": "https://partner.example/", "stream": True, "x": 1}, "ValidationException"),
    ],
)
def test_a_subscription_that_cannot_work_is_refused(served, body, kind):
    with served.client() as client:
        client.post("/epcis/queries", json={"name": "q", "query": {}})
        answer = client.post("/epcis/queries/q/subscriptions", json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["type"] == f"epcisException:{kind}"
        assert client.get("/epcis/queries/q/subscriptions").json() == []


def test_a_query_with_a_limit_and_an_unknown_query_cannot_be_subscribed(served, webhook):
    body = {"dest": webhook.url, "stream": True}
    with served.client() as client:
        client.post("/epcis/queries", json={"name": "q", "query": {"maxEventCount": 5}})
        answer = client.post("/epcis/queries/q/subscriptions", json=body)
        assert answer.json()["type"] == "epcisException:SubscriptionControlsException"
        assert client.post("/epcis/queries/none/subscriptions", json=body).status_code == 404
