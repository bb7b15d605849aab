"""What sensors report of a pack or its container is CHECK, with the reading, until its release."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from chain import GTIN, alarm, case, commission, pack, put, see, wrong
from msgspec.structs import replace

from epcis.capture import record
from epcis.http_context import Caller
from epcis.model import SensorElement, SensorMetadata, SensorReport
from epcis.store.items import item
from tests.verdicts import verify
from verification.decision.many import judge_all
from verification.decision.sensors import SensorLimit, SensorRule
from verification.decision.words import Reason, Word
from verification.offline.offline_snapshot import OfflineSnapshot, SnapshotContent, take
from verification.registry.sensor_rules import (
    SensorRuleRefusedError,
    end_rule,
    rule_of,
    rules,
    set_rule,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
COLD = SensorRule(GTIN, limits=(SensorLimit("Temperature", "CEL", low="2", high="8"),))
PACKS = [pack(0), pack(1)]


def reading(minute, things, **report):
    """A logger that travels with some things reports something; nobody calls it an alarm."""
    told = {"type": "gs1:Temperature", "uom": "CEL", **report}
    element = SensorElement(reports=(SensorReport(**told),))
    return replace(see(minute, things, "sensor_reporting"), sensor_elements=(element,))


def told(store, events, rule=COLD, serial="P0"):
    with store.write(NOW) as tx:
        record(tx, [commission(0, PACKS), *events])
        if rule is not None:
            set_rule(tx, rule, by="qa")
    return asked(store, serial)


def asked(store, serial="P0"):
    with store.read() as snapshot:
        return verify(snapshot, GTIN, serial, now=NOW)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"value": "11.5"}, "11.5 CEL, above the limit Temperature 2 to 8 CEL"),
        ({"value": "1.9"}, "1.9 CEL, below the limit"),
        ({"value": "46.5", "uom": "FAH"}, "46.5 FAH, above the limit"),
        ({"value": "270", "uom": "KEL"}, "270 KEL, below the limit"),
        ({"min_value": "3", "max_value": "8.1"}, "3 to 8.1 CEL, above"),
        ({"min_value": "1", "mean_value": "5", "max_value": "7"}, "1 to 5 to 7 CEL, below"),
        ({"value": "5", "uom": "P1"}, "5 P1, whose unit cannot be compared with CEL"),
        ({"value": "5", "uom": "QQQ"}, "5 QQQ, whose unit cannot be compared with CEL"),
        ({"value": "5", "uom": None}, "Temperature 5, whose unit cannot be compared with CEL"),
        ({"value": "warm"}, "warm CEL, which is no number"),
        ({"value": "9", "type": "https://gs1.org/voc/Temperature"}, "9 CEL, above"),
    ],
)
def test_a_reading_beyond_the_limits_of_the_product_is_check_with_its_value(store, report, said):
    answer = told(store, [reading(1, PACKS[:1], **report)])
    assert (answer.word, answer.reason) == (Word.CHECK, Reason.SENSOR_ALARM)
    assert said in answer.say
    assert "at 2026-03-01T08:01:00Z" in answer.say
    assert answer.as_dict()["readings"] == list(answer.facts.readings)
    assert asked(store, "P1").word is Word.OK


@pytest.mark.parametrize(
    "report",
    [
        {"value": "8"}, {"value": "2"}, {"value": "46.4", "uom": "FAH"},
        {"value": "281.15", "uom": "KEL"}, {"min_value": "2", "max_value": "8"},
        {"value": "99", "type": "gs1:Humidity", "uom": "P1"}, {"string_value": "hot"},
    ],
)  # fmt: skip
def test_a_reading_within_the_limits_or_of_another_kind_says_nothing(store, report):
    assert told(store, [reading(1, PACKS, **report)]).word is Word.OK


def test_without_a_rule_only_an_alarm_counts_and_its_reading_is_told(store):
    assert told(store, [reading(1, PACKS, value="40")], rule=None).word is Word.OK
    with store.write(NOW) as tx:
        record(tx, [alarm(2, PACKS[:1])])
    answer = asked(store)
    assert (answer.word, answer.reason) == (Word.CHECK, Reason.SENSOR_ALARM)
    assert "alarm: Temperature 11.5 CEL at 2026-03-01T08:02:00Z" in answer.say


def test_a_reading_of_the_case_or_pallet_holds_for_what_was_inside_then(store):
    box, pallet = case(0), case(1)
    events = [
        reading(1, [box], value="20"),
        put(2, box, PACKS[:1]),
        put(3, pallet, [box]),
        reading(4, [pallet], value="-5"),
        put(5, pallet, [box], action="DELETE"),
        put(6, box, PACKS[1:]),
        reading(7, [pallet], value="30"),
    ]
    answer = told(store, events)
    assert answer.facts.readings == (
        "Temperature -5 CEL, below the limit Temperature 2 to 8 CEL at 2026-03-01T08:04:00Z",
    )
    assert asked(store, "P1").word is Word.OK


def test_it_holds_until_the_pack_is_released_by_name(store):
    events = [
        reading(1, PACKS, value="11"),
        see(2, PACKS, "inspecting", "in_progress"),
        see(3, PACKS[:1], "inspecting", "conformant"),
    ]
    assert told(store, events).word is Word.OK
    assert asked(store, "P1").reason is Reason.SENSOR_ALARM
    with store.write(NOW) as tx:
        record(tx, [reading(4, PACKS, value="0")])
    assert len(asked(store).facts.readings) == 1
    assert len(asked(store, "P1").facts.readings) == 2


def test_a_reading_declared_wrong_never_was(store):
    hot = reading(1, PACKS, value="11")
    assert told(store, [hot]).word is Word.CHECK
    with store.write(NOW) as tx:
        record(tx, [wrong(hot, 5)])
    assert asked(store).word is Word.OK


def test_the_duty_can_be_switched_off_and_on_by_product(store):
    events = [alarm(1, PACKS), reading(2, PACKS, value="30")]
    answer = told(store, events, SensorRule(GTIN, on=False))
    assert answer.word is Word.OK
    with store.write(NOW) as tx:
        set_rule(tx, COLD, by="qa")
    assert len(asked(store).facts.readings) == 2
    with store.write(NOW) as tx:
        assert end_rule(tx, GTIN)
        assert not end_rule(tx, GTIN)
    assert len(asked(store).facts.readings) == 1
    with store.read() as snapshot:
        assert rules(snapshot) == []


def test_the_time_of_the_reading_goes_before_that_of_the_event(store):
    hot = reading(1, PACKS, value="11")
    element = replace(hot.sensor_elements[0], metadata=SensorMetadata(time="2026-02-28T07:00:00Z"))
    answer = told(store, [replace(hot, sensor_elements=(element,))])
    assert "at 2026-02-28T07:00:00Z" in answer.say


def test_reports_and_the_offline_snapshot_know_it_too(store):
    told(store, [reading(1, PACKS[:1], value="11")])
    with store.read() as snapshot:
        verdicts = {one.serial: one.verdict for one in judge_all(snapshot, NOW)}
        content = take(snapshot, NOW)
        assert item(snapshot, f"/01/{GTIN}/21/P0").conditions == ()
    assert verdicts == {"P0": Word.CHECK, "P1": Word.OK}
    till = OfflineSnapshot(msgspec.json.decode(content, type=SnapshotContent))
    assert [bool(till.stops(GTIN, serial, "L1", NOW)) for serial in ("P0", "P1")] == [True, False]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measurement": "Warmth"}, "no measurement"),
        ({"unit": "C"}, "no unit"),
        ({"low": None}, "needs a low or a high"),
        ({"low": "two"}, "decimal"),
        ({"high": "1"}, "low is above high"),
        ({"colour": "red"}, "unknown field"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(store, changed, said):
    limit = {"measurement": "Temperature", "unit": "CEL", "low": "2"} | changed
    body = msgspec.json.encode({"gtin": GTIN, "limits": [limit]})
    with pytest.raises(SensorRuleRefusedError, match=said), store.write(NOW) as tx:
        set_rule(tx, rule_of(body), by="qa")
    with store.read() as snapshot:
        assert rules(snapshot) == []


@pytest.mark.parametrize(("body", "said"), [(b"{", "JSON|truncated"), (b'{"gtin": "1"}', "Gtin")])
def test_a_rule_that_means_nothing_is_refused(store, body, said):
    with pytest.raises(SensorRuleRefusedError, match=said), store.write(NOW) as tx:
        set_rule(tx, rule_of(body), by="qa")
    with store.read() as snapshot:
        assert rules(snapshot) == []


RULE = {
    "gtin": "05901234123457",
    "limits": [{"measurement": "Temperature", "unit": "CEL", "low": "2", "high": "8"}],
}


def test_limits_are_set_asked_for_and_ended_over_http(client, holder, everything):
    holder.caller = everything
    assert client.request("PUT", "/verify/sensors", json=RULE).json() == RULE
    assert client.get("/verify/sensors").json() == [RULE]
    wrong = RULE | {"gtin": "1"}
    assert client.request("PUT", "/verify/sensors", json=wrong).status_code == 422
    page = f"/verify/sensors/{RULE['gtin']}"
    assert client.request("DELETE", page).json() == {"ended": True}
    assert client.request("DELETE", page).status_code == 404


def test_only_who_may_recall_and_owns_the_product_sets_its_limits(client, holder, as_participant):
    assert client.request("PUT", "/verify/sensors", json=RULE).status_code == 403
    scopes = frozenset({"recall", "verify"})
    as_participant("owner", "mah", authorisation="/414/5901234000009")
    as_participant("other", "mah", authorisation="/414/0366666000014")
    for name, status in (("other", 403), ("nobody", 403), ("owner", 200)):
        holder.caller = Caller(name, scopes, None, "10.0.0.1")
        assert client.request("PUT", "/verify/sensors", json=RULE).status_code == status
