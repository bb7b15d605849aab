"""The quality manager's limits of sensor readings, set on the page and met by the next scan."""

from __future__ import annotations

import pytest

from compliance.service.access import Grant
from compliance.service.accounts import put_account
from epcis.capture import record
from epcis.model import ObjectEvent, SensorElement, SensorReport
from tests.compliance.service.browsers import WORD

GTIN = "09521321000018"
PACK = f"https://id.gs1.org/01/{GTIN}/21/S1"
ALL = frozenset({"verify", "recall", "query"})


def somebody(browser, store, now, grant):
    with store.write(now) as tx:
        put_account(tx, grant, WORD, by="qa")
    one = browser()
    one.sign_in(grant.name)
    return one


@pytest.fixture
def manager(browser, store, now):
    return somebody(browser, store, now, Grant("ann", ALL))


def warm(value: str) -> ObjectEvent:
    return ObjectEvent(
        event_time="2026-05-30T10:00:00Z",
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step="urn:epcglobal:cbv:bizstep:commissioning",
        epcs=(PACK,),
        sensor_elements=(
            SensorElement(reports=(SensorReport(type="Temperature", value=value, uom="CEL"),)),
        ),
    )


def test_a_limit_of_the_page_is_met_by_the_next_scan(manager, store, now) -> None:
    with store.write(now) as tx:
        record(tx, [warm("12")])
    empty = manager.get("/sensors").text
    assert "alarms count for all" in empty
    asked = {"text": f"(01){GTIN}(21)S1"}
    assert "Temperature" not in manager.post("/scan-card", **asked).text
    cold = {"measurement": "Temperature", "low": "2", "high": "8", "unit": "CEL"}
    done = manager.post("/sensors", gtin=GTIN[1:], **cold)
    assert (done.status_code, done.headers["location"]) == (303, "/sensors")
    damp = cold | {"measurement": "RelativeHumidity", "low": "", "high": "60", "unit": "P1"}
    assert manager.post("/sensors", gtin=GTIN, **damp).status_code == 303
    page = manager.get("/sensors").text
    assert "Temperature 2 to 8 CEL; RelativeHumidity up to 60 P1" in page
    assert "above the limit Temperature 2 to 8 CEL" in manager.post("/scan-card", **asked).text
    assert manager.post(f"/sensors/{GTIN}/end").status_code == 303
    assert "alarms count for all" in manager.get("/sensors").text
    assert manager.post("/sensors", gtin=GTIN, off="true", **cold).status_code == 303
    assert "not looked at" in manager.get("/sensors").text


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"gtin": "<script>"}, "GTIN"),
        ({"measurement": "Mood"}, "Mood is no measurement"),
        ({"unit": "degrees"}, "no unit"),
        ({"low": "9"}, "low is above high"),
        ({"low": "", "high": ""}, "needs a low or a high value"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_set(manager, wrong, what) -> None:
    good = {"gtin": GTIN, "measurement": "Temperature", "low": "2", "high": "8", "unit": "CEL"}
    answer = manager.post("/sensors", **(good | wrong))
    assert (answer.status_code, what in answer.text) == (422, True), answer.text
    assert "<script>" not in answer.text
    assert "alarms count for all" in manager.get("/sensors").text


def test_others_neither_see_nor_set_it(browser, store, now, manager) -> None:
    good = {"gtin": GTIN, "measurement": "Temperature", "low": "2", "high": "8", "unit": "CEL"}
    assert manager.post("/sensors", **good).status_code == 303
    other = somebody(browser, store, now, Grant("eve", ALL, party="/414/9506000134352"))
    assert GTIN not in other.get("/sensors").text
    assert other.post("/sensors", **good).status_code in {403, 404}
    assert other.post(f"/sensors/{GTIN}/end").status_code in {403, 404}
    reader = somebody(browser, store, now, Grant("rob", frozenset({"verify"})))
    assert "Set a limit" not in reader.get("/sensors").text
    assert reader.post("/sensors", **good).status_code == 403
    assert "Temperature 2 to 8 CEL" in manager.get("/sensors").text
