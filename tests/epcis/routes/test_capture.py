"""Files come in good, bad, twice and half; what was acknowledged is never lost or doubled."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path

import orjson
import pytest
from asking import CONTEXT
from lxml import etree
from repository import DEADLINE_S, new_repository, serving
from sqlalchemy import func, select

from epcis import capture_job, capture_outcome
from epcis.capture_job import AT_ONCE_BYTES_MAX
from epcis.capture_outcome import Behaviour, CaptureOutcome, JobBounds, NewJob
from epcis.capture_turn import claimed
from epcis.codec.document import DocumentLimits
from epcis.database.transactions import StoreFull
from epcis.store.event_tables import event as event_table

PROCEED = {"GS1-Capture-Error-Behaviour": "proceed"}


def event(letter: str, **members) -> dict:
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{letter}",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "ADD",
        "epcList": [f"urn:epc:id:sgtin:0614141.107346.{letter}"],
        **members,
    }


def document(*events: dict) -> bytes:
    return orjson.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": list(events)},
        }
    )


BROKEN = {**event("broken"), "eventTime": "yesterday"}
JSON = "application/json"


def ids(repository) -> list[str]:
    with repository.client() as client:
        body = client.get("/epcis/events?perPage=1000").json()
    listed = body["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return [one["eventID"].removeprefix("urn:uuid:") for one in listed]


def test_rollback_stores_nothing_and_names_every_fault(served):
    job = served.capture(
        document(event("a"), BROKEN, event("b"), {**BROKEN, "action": "MOVE"}), JSON
    )
    assert (job["running"], job["success"], job["captureErrorBehaviour"]) == (
        False,
        False,
        "rollback",
    )
    assert ids(served) == []
    places = [error["where"] for error in job["errors"]]
    assert any("eventList/1" in str(place) for place in places), places
    assert any("eventList/3" in str(place) for place in places), places
    for error in job["errors"]:
        assert error["type"] == "epcisException:ValidationException"
        assert error["detail"]


def test_proceed_stores_what_is_good_and_names_what_is_not(served):
    job = served.capture(document(event("a"), BROKEN, event("b")), JSON, **PROCEED)
    assert (job["success"], job["captureErrorBehaviour"]) == (False, "proceed")
    assert ids(served) == ["a", "b"]
    assert any("eventList/1" in str(error["where"]) for error in job["errors"])


def test_the_same_file_again_changes_nothing(served):
    assert served.capture(document(event("a"), event("b")), JSON)["success"]
    assert served.capture(document(event("a"), event("b")), JSON)["success"]
    assert served.capture(document(event("b"), event("c")), JSON)["success"]
    assert ids(served) == ["a", "b", "c"]


def test_another_event_under_a_known_id_is_a_conflict(served):
    served.capture(document(event("a")), JSON)
    other = event("a", action="DELETE")
    job = served.capture(document(event("b"), other), JSON)
    assert not job["success"]
    assert job["errors"][0]["status"] == 409
    assert ids(served) == ["a"]
    job = served.capture(document(event("b"), other, event("c")), JSON, **PROCEED)
    assert not job["success"]
    assert ids(served) == ["a", "b", "c"]


def test_a_conflict_is_told_beside_what_else_is_odd(served):
    """A document with a harmless oddity and a conflict: the oddity must not hide the conflict."""
    served.capture(document(event("a")), JSON)
    odd = orjson.loads(document(event("a", action="DELETE")))
    odd["@context"] = [CONTEXT, "https://unknown.example/context.jsonld"]
    job = served.capture(orjson.dumps(odd), JSON)
    assert not job["success"]
    assert 409 in [error["status"] for error in job["errors"]]
    assert ids(served) == ["a"]


def test_a_fault_of_ours_fails_its_job_and_not_the_ones_behind_it(served, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(capture_outcome, "capture_on", broken)
        job = served.capture(document(event("a")), JSON)
    assert (job["success"], job["errors"][0]["status"]) == (False, 500)
    assert "bug" not in job["errors"][0]["detail"]
    assert served.capture(document(event("b")), JSON)["success"]
    assert ids(served) == ["b"]


def test_a_job_is_told_as_xml_too(served):
    job = served.capture(document(BROKEN), JSON)
    with served.client(Accept="application/xml") as client:
        root = etree.fromstring(client.get(f"/epcis/capture/{job['captureID']}").content)
        assert etree.QName(root).localname == "EPCISCaptureJob"
        assert (root.get("running"), root.get("success")) == ("false", "false")
        assert root.findtext("captureErrorBehaviour") == "rollback"
        assert root.findtext("errors/error/detail")
        everything = etree.fromstring(client.get("/epcis/capture").content)
        assert len(everything) == 1


def test_a_small_document_is_stored_when_the_answer_comes(tmp_path):
    """No worker runs here; a packed or large document waits for one."""
    repository = new_repository(tmp_path)
    small = document(event("a"), event("b"))
    large = document(event("c", note="x" * AT_ONCE_BYTES_MAX))
    with serving(repository, with_workers=False), repository.client() as client:

        def sent(body: bytes, **headers) -> dict:
            answer = client.post(
                "/epcis/capture", content=body, headers={"Content-Type": JSON, **headers}
            )
            assert answer.status_code == 202, answer.text
            return client.get(answer.headers["Location"]).json()

        job = sent(small)
        assert (job["running"], job["success"]) == (False, True)
        assert job["events"] == {"seen": 2, "stored": 2, "refused": 0, "duplicates": 0}
        again = sent(small)
        assert (again["running"], again["success"]) == (False, True)
        assert again["events"]["duplicates"] == 2
        refused = sent(document(event("d"), BROKEN))
        assert (refused["running"], refused["success"]) == (False, False)
        partly = sent(document(event("d"), BROKEN), **PROCEED)
        assert partly["events"]["stored"] == 1
        assert sent(gzip.compress(small), **{"Content-Encoding": "gzip"})["running"]
        assert sent(large)["running"]
    repository.store.close()


def test_a_small_document_and_its_job_are_one_act(tmp_path, monkeypatch):
    """What fails while the job is written leaves nothing of the document either."""
    repository = new_repository(tmp_path)

    def broken(_outcome, _finished):
        raise StoreFull("the disk is full")

    new = NewJob("j1", Behaviour.ROLLBACK, JSON, "all", None)
    given = {"clock": repository.clock, "limits": DocumentLimits()}
    with monkeypatch.context() as patched:
        patched.setattr(CaptureOutcome, "columns", broken)
        with pytest.raises(StoreFull):
            capture_job.do_at_once(repository.store, new, document(event("a")), **given)
    with repository.store.read() as snapshot:
        assert snapshot.connection.scalar(select(func.count()).select_from(event_table)) == 0
        assert capture_job.job(snapshot, "j1", caller=None) is None
    capture_job.do_at_once(repository.store, new, document(event("a")), **given)
    with repository.store.read() as snapshot:
        assert capture_job.job(snapshot, "j1", caller="all").success
    repository.store.close()


def test_jobs_are_listed_for_their_owner_page_by_page(served):
    for letter in "abc":
        served.capture(document(event(letter)), JSON)
        served.later(seconds=1)
    with served.client("sender") as sender, served.client() as admin:
        assert sender.get("/epcis/capture").json() == []
        url, seen = "/epcis/capture?perPage=2", []
        while url:
            answer = admin.get(url)
            seen += [one["createdAt"] for one in answer.json()]
            url = answer.links.get("next", {}).get("url")
        assert len(seen) == 3
        assert seen == sorted(seen, reverse=True)
        job = admin.get("/epcis/capture").json()[0]["captureID"]
        assert sender.get(f"/epcis/capture/{job}").status_code == 404


def post_event(repository, body, **headers):
    with repository.client(**{"Content-Type": JSON, **headers}) as client:
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        return client.post("/epcis/events", content=content)


def test_one_event_is_stored_before_the_answer(served):
    bare = {"@context": CONTEXT, **event("a")}
    answer = post_event(served, bare)
    assert answer.status_code == 201, answer.text
    with served.client() as client:
        found = client.get(answer.headers["Location"]).json()
    (one,) = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert one["eventID"] == "urn:uuid:a"
    again = post_event(served, bare)
    assert (again.status_code, again.headers["Location"]) == (201, answer.headers["Location"])
    other = post_event(served, {**bare, "action": "DELETE"})
    assert other.status_code == 409
    assert other.json()["type"] == "epcisException:ResourceAlreadyExistsException"
    assert ids(served) == ["a"]


def test_an_error_declaration_shares_its_id_and_is_no_duplicate(served):
    bare = {"@context": CONTEXT, **event("a")}
    post_event(served, bare)
    declared = {"declarationTime": "2026-01-02T00:00:00Z", "reason": "did_not_occur"}
    assert post_event(served, {**bare, "errorDeclaration": declared}).status_code == 201
    with served.client() as client:
        both = client.get("/epcis/events/urn:uuid:a").json()
        listed = both["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        assert ["errorDeclaration" in one for one in listed] == [False, True]
        effective = client.get("/epcis/effectiveEvents").json()
        assert not effective["epcisBody"]["queryResults"]["resultsBody"]["eventList"]


def test_an_event_without_an_id_gets_its_hash(served):
    bare = {"@context": CONTEXT, **event("a")}
    del bare["eventID"]
    answer = post_event(served, bare)
    assert "ni%3A%2F%2F%2Fsha-256%3B" in answer.headers["Location"]
    with served.client() as client:
        assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status", "kind"),
    [
        ("capture", "text/csv", b"a;b", 415, "UnsupportedMediaTypeException"),
        ("capture", "", b"{}", 415, "UnsupportedMediaTypeException"),
        ("capture", JSON, b"", 400, "ValidationException"),
        ("capture", JSON, b"{", 400, "ValidationException"),
        ("capture", JSON, b"[1, 2]", 400, "ValidationException"),
        ("capture", JSON, b"<a/>", 400, "ValidationException"),
        ("capture", "application/xml", b"{}", 400, "ValidationException"),
        ("capture", "application/xml", b"<html></html>", 400, "ValidationException"),
        ("capture", "application/xml", b"<a><b></a>", 400, "ValidationException"),
        ("capture", JSON, b"\xff\xfe\x00", 400, "ValidationException"),
        ("capture", JSON, orjson.dumps(event("a")), 400, "ValidationException"),
        ("events", "text/plain", b"{}", 415, "UnsupportedMediaTypeException"),
        ("events", JSON, b"", 400, "ValidationException"),
        ("events", JSON, b"null", 400, "ValidationException"),
        ("events", JSON, b'{"type": "ObjectEvent"}', 400, "ValidationException"),
        ("events", JSON, document(), 400, "ValidationException"),
        ("events", JSON, document(event("a"), event("b")), 400, "ValidationException"),
        ("events", JSON, orjson.dumps(BROKEN), 400, "ValidationException"),
    ],
)
def test_a_body_that_is_none_is_refused_at_once(served, path, content_type, body, status, kind):  # noqa: PLR0917  # a row of the table
    headers = {"Content-Type": content_type} if content_type else {}
    with served.client() as client:
        answer = client.post(f"/epcis/{path}", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"epcisException:{kind}"
    assert answer.json()["detail"]
    assert ids(served) == []
    assert left_over(served) == []


def left_over(repository) -> list[Path]:
    return list(capture_job.incoming(repository.store).iterdir())


def test_entities_and_headers_out_of_place_are_refused(served):
    evil = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    with served.client(**{"Content-Type": "application/xml"}) as client:
        assert client.post("/epcis/capture", content=evil).status_code == 400
        for headers in (
            {"GS1-Capture-Error-Behaviour": "maybe"},
            {"GS1-EPCIS-Version": "latest"},
            {"Content-Encoding": "gzip"},
        ):
            answer = client.post("/epcis/capture", content=b"<x/>", headers=headers)
            assert answer.status_code == 400, answer.text
        unknown = {"GS1-EPCIS-Version": "3.0.0"}
        assert client.post("/epcis/capture", content=b"<x/>", headers=unknown).status_code == 406
        packed = {"Content-Encoding": "br"}
        assert client.post("/epcis/capture", content=b"<x/>", headers=packed).status_code == 415
    assert left_over(served) == []


def test_more_than_the_announced_limits_is_too_large(served):
    served.settings.upload_bytes_max = 2000
    served.settings.events_per_capture_max = 2
    with served.client(**{"Content-Type": JSON}) as client:
        answer = client.post("/epcis/capture", content=document(event("x" * 3000)))
        assert answer.status_code == 413
        assert answer.json()["type"] == "epcisException:CaptureLimitExceededException"
        assert answer.headers["GS1-EPCIS-Capture-File-Size-Limit"] == "2000"
        assert answer.headers["GS1-EPCIS-Capture-Limit"] == "2"
        assert client.post("/epcis/events", content=b" " * 3000).status_code == 413
        many = client.post("/epcis/capture", content=document(event("a"), event("b"), event("c")))
        assert many.status_code == 413, many.text
        assert many.json()["type"] == "epcisException:CaptureLimitExceededException"
    assert ids(served) == []
    assert left_over(served) == []


def test_a_caller_that_hangs_up_half_way_leaves_nothing(served):
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), DEADLINE_S) as line:
        line.sendall(
            b"POST /epcis/capture HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer all\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        )
    assert served.capture(document(event("a")), JSON)["success"]
    assert ids(served) == ["a"]
    assert left_over(served) == []


def test_a_job_that_a_crash_interrupted_is_done_after_the_restart(tmp_path):
    repository = new_repository(tmp_path)
    body = capture_job.incoming(repository.store) / "j1.body"
    body.write_bytes(document(event("a"), event("b")))
    capture_job.keep(body)
    new = NewJob("j1", Behaviour.ROLLBACK, JSON, "all", None)
    capture_job.open_job(repository.store, new, body, now=repository.now)
    with serving(repository), repository.client() as client:
        assert repository.finished(client, "/epcis/capture/j1")["success"]
        assert ids(repository) == ["a", "b"]
    assert left_over(repository) == []
    repository.store.close()


def test_a_job_done_twice_stores_once(tmp_path):
    """A crash after the events were stored, before the job was told to be over."""
    repository = new_repository(tmp_path)
    body = capture_job.incoming(repository.store) / "j1.body"
    body.write_bytes(document(event("a")))
    new = NewJob("j1", Behaviour.PROCEED, JSON, "all", None)
    capture_job.open_job(repository.store, new, body, now=repository.now)
    bounds = JobBounds(repository.clock, DocumentLimits())
    with claimed(repository.store, repository.now) as claim:
        assert capture_job._do(repository.store, claim.job, body, bounds).errors == []
    assert capture_job.do_next(repository.store, repository.clock, DocumentLimits())
    assert not capture_job.do_next(repository.store, repository.clock, DocumentLimits())
    with serving(repository):
        assert ids(repository) == ["a"]
    repository.store.close()


def test_2_0_must_be_what_its_schema_says_and_1_x_is_taken_as_partners_send_it(served, shared):
    """By default nothing invalid under 2.0 gets in; real 1.2 files, odd as they are, do."""
    examples = shared / "epcis/examples"
    for file in sorted((examples / "invalid-json").glob("*.json")):
        with served.client(**{"Content-Type": JSON}) as client:
            answer = client.post("/epcis/capture", content=file.read_bytes())
            if answer.status_code == 400:
                continue
            job = served.finished(client, answer.headers["Location"])
        assert not job["success"], file.name
        assert job["errors"], file.name
    assert ids(served) == []
    for file in sorted((examples / "partner-1.2-xml").glob("*.xml")):
        job = served.capture(file.read_bytes())
        assert job["success"], (file.name, job)
    assert ids(served)


def test_what_is_odd_about_stored_events_is_kept_with_the_job_and_in_the_answer(served):
    malformed = {"epcList": ["https://id.gs1.org/01/00614141073461/21/1"]}
    inside = {"type": "AggregationEvent", "epcList": None}
    box, crate = "urn:epc:id:sscc:0614141.0123456789", "urn:epc:id:sscc:0614141.1123456789"
    packed = [
        {**event(letter), **inside, "parentID": parent, "childEPCs": [child]}
        for letter, parent, child in (("p", box, crate), ("q", crate, box), ("r", box, box))
    ]
    for one in packed:
        del one["epcList"]
    data = document(event("a", **malformed), *packed)
    for _ in range(2):
        job = served.capture(data, JSON, **PROCEED)
        codes = {finding["code"] for finding in job["findings"]}
        assert {"event.id-malformed", "event.container-circle", "event.parent-is-child"} <= codes
        assert (job["success"], job["errors"]) == (True, [])
        assert job["events"]["seen"] == 4
        assert job["events"]["stored"] + job["events"]["duplicates"] == 4
    with served.client() as client:
        root = etree.fromstring(
            client.get(
                f"/epcis/capture/{job['captureID']}", headers={"Accept": "application/xml"}
            ).content
        )
        assert root.find("events").attrib["seen"] == "4"
        assert "event.parent-is-child" in root.xpath("findings/finding/code/text()")
        alone = {"@context": CONTEXT, **event("b", **malformed)}
        answer = client.post("/epcis/events", json=alone)
    assert answer.status_code == 201
    assert [one["code"] for one in answer.json()["findings"]] == ["event.id-malformed"]
    assert answer.json()["events"] == {"seen": 1, "stored": 1, "refused": 0, "duplicates": 0}


def test_a_job_whose_events_stand_in_the_wrong_place_counts_them(served):
    stray = orjson.loads(document(event("a")))
    stray["epcisHeader"] = {"urn:x:y": [event("b")]}
    job = served.capture(orjson.dumps(stray), JSON, **PROCEED)
    assert not job["success"]
    assert job["events"] == {"seen": 2, "stored": 1, "refused": 1, "duplicates": 0}
    assert "document.event-misplaced" in {one["code"] for one in job["errors"]}
