"""A packaging line: numbers from a grant, cases with SSCCs of our own, and rework."""

from __future__ import annotations

from html import unescape

import httpx
import pytest
from chain import GTIN, MAKER

from schemas.gs1.content_rules import has_check_digit

LOT = {"lot": "L1", "expiry": "2028-05-31"}
SCOPES = "capture,query,verify,act,destroy,recall,supply"


@pytest.fixture
def line(serving, packtrail):
    """A client of a server with a pool for packs and one for cases."""
    packtrail("serials", "pool", GTIN, "--template", "PL##########")
    cases = ("39521321", "--sscc", "--kind", "sequential", "--template", "#" * 9)
    packtrail("serials", "pool", *cases)
    key = packtrail("access", "new-key", "line", "--scopes", SCOPES, "--json").json["key"]
    with (
        serving() as server,
        httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        yield http


def granted(http, count, request_id, code=GTIN):
    wanted = {"source": code, "count": count, "requestId": request_id, "line": "line 1"}
    answer = http.post("/serials/grants", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"], [one["serial"] for one in answer.json()["serials"]]


def act(http, kind, client_id, **body):
    said = {"clientId": client_id, "place": MAKER, **body}
    answer = http.post(f"/acts/{kind}", json=said)
    return answer.status_code, answer.json()


def link(serial):
    return f"/01/{GTIN}/21/{serial}"


def state(http, serial):
    asked = {"code": GTIN, "serial": serial}
    return http.get("/serials/standing", params=asked).json()[0]["state"]


def test_a_grant_is_commissioned_as_far_as_it_is_printed_and_no_void_number(line):
    grant, numbers = granted(line, 10, "order 1")
    name = grant.rsplit("/", 1)[1]
    status, told = act(line, "commission", "c0", grant=name, **LOT)
    assert (status, told["title"]) == (409, "Nothing to commission")
    report = {"printed": 6, "void": [numbers[2]], "reason": "label torn"}
    assert line.post(f"{grant}/report", json=report).status_code == 200
    status, told = act(line, "commission", "c1", grant=name, **LOT)
    assert status == 200, told
    assert [one["id"] for one in told["packs"]] == [
        link(numbers[at]) for at in (0, 1, 3, 4, 5)
    ]  # fmt: skip
    assert act(line, "commission", "c1", grant=name, **LOT) == (200, told)
    assert act(line, "commission", "c2", grant=name, **LOT)[0] == 409
    assert [state(line, numbers[at]) for at in (0, 2, 6)] == ["commissioned", "void", "granted"]
    for at in (2, 9):
        if at == 9:
            line.post(f"{grant}/report", json={"returnRest": True})
        status, told = act(line, "commission", f"n{at}", scans=[link(numbers[at])], **LOT)
        assert (status, told["packs"][0]["reason"]) == (409, "number-not-issued")
        assert told["packs"][0]["say"].startswith("Its number is ")


def test_a_number_that_no_line_got_is_not_put_on_a_pack(line, packtrail):
    counted = ("--kind", "sequential", "--template", "U#####")
    why = ("--guessable-because", "sold in the US alone")
    packtrail("serials", "pool", "09506000134352", *counted, *why)
    strange = "/01/09506000134352/21/U00007"
    status, told = act(line, "commission", "x1", scans=[strange], **LOT)
    assert (status, told["packs"][0]["reason"]) == (409, "number-not-issued")
    others = "/01/09506000134352/21/OTHER"
    assert act(line, "commission", "x2", scans=[others], **LOT)[0] == 200


def test_cases_and_pallets_get_ssccs_of_our_own_each_once(line):
    grant, numbers = granted(line, 7, "order 2")
    line.post(f"{grant}/report", json={"printed": 7})
    act(line, "commission", "c1", grant=grant.rsplit("/", 1)[1], **LOT)
    first = [link(one) for one in numbers[:3]]
    status, told = act(line, "pack", "p1", scans=first, ssccFrom="39521321", expect=3)
    case = told["parent"]
    assert status == 200, told
    assert case.startswith("/00/39521321")
    assert has_check_digit(case[4:])
    assert act(line, "pack", "p1", scans=first, ssccFrom="39521321", expect=3) == (200, told)
    rest = [link(one) for one in numbers[3:6]]
    status, told = act(line, "pack", "p2", scans=rest, ssccFrom="39521321", expect=4)
    assert (status, {one["reason"] for one in told["packs"]}) == (409, {"count-differs"})
    partial = {"override": True, "reason": "end of the lot"}
    status, told = act(line, "pack", "p3", scans=rest, ssccFrom="39521321", expect=4, **partial)
    assert status == 200, told
    other = told["parent"]
    # A refused act used up no number.
    assert int(other[4:-1]) - int(case[4:-1]) == 1
    status, told = act(line, "pack", "p4", scans=[case, other], ssccFrom="39521321")
    assert status == 200, told
    pallet = told["parent"]
    assert len({case, other, pallet}) == 3
    status, told = act(line, "pack", "p5", scans=[link(numbers[6])], parent="395213210000005009")
    assert status in (409, 422)
    for body in ({"ssccFrom": "39521321", "parent": case}, {"ssccFrom": ""}):
        assert act(line, "pack", "p6", scans=[link(numbers[6])], **body)[0] == 422
    status, told = act(line, "pack", "p7", scans=[link(numbers[6])], ssccFrom=GTIN)
    assert (status, told["title"]) == (409, "No SSCC")


def test_rework_takes_one_out_replaces_it_and_gives_a_sample(line):
    grant, numbers = granted(line, 5, "order 3")
    line.post(f"{grant}/report", json={"printed": 5})
    act(line, "commission", "c1", grant=grant.rsplit("/", 1)[1], **LOT)
    packs = [link(one) for one in numbers]
    case = act(line, "pack", "p1", scans=packs[:3], ssccFrom="39521321")[1]["parent"]
    torn, spare, sample = packs[0], packs[3], packs[1]
    for kind, body in (
        ("unpack", {"scans": [torn], "parent": case}),
        ("decommission", {"scans": [torn], "reason": "label torn"}),
        ("pack", {"scans": [spare], "parent": case}),
        ("unpack", {"scans": [sample], "parent": case}),
        ("sample", {"scans": [sample], "reason": "retained sample"}),
        ("ship", {"scans": [packs[2], spare], "parent": case, "expect": 2}),
    ):
        status, told = act(line, kind, f"r {kind} {body['scans'][0]}", **body)
        assert status == 200, (kind, told)
    status, told = act(line, "commission", "again", scans=[torn], **LOT)
    assert status == 409


def test_the_page_of_the_line_commissions_packs_and_offers_the_label(line):
    grant, numbers = granted(line, 4, "order 4")
    line.post(f"{grant}/report", json={"printed": 4})
    form = {"client_id": "page 1", "grant": grant.rsplit("/", 1)[1], "place": MAKER, **LOT}
    assert "Done: commission, 4 scans." in line.post("/line/commission", data=form).text
    pool = next(one["id"] for one in line.get("/serials/pools").json() if one["sscc"])
    scans = "\n".join(link(one) for one in numbers)
    form = {"client_id": "page 2", "scans": scans, "sscc_from": pool, "place": MAKER}
    short = line.post("/line/pack", data=form | {"expect": "5"})
    assert (short.status_code, "count again" in short.text) == (409, True)
    done = line.post("/line/pack", data=form | {"client_id": "page 3", "expect": "4"})
    assert "draw its label" in done.text
    address = unescape(done.text.split('<a href="/labels?', 1)[1].split('"', 1)[0])
    assert line.get(f"/labels?{address}").status_code == 200
    other = form | {"client_id": "page 4", "grant": "G-none", **LOT}
    wrong = line.post("/line/commission", data=other)
    assert (wrong.status_code, "there is no grant" in wrong.text) == (409, True)
