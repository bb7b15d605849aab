"""Events that a schema accepts and that still do not mean what they say."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.check.identifiers import epc_fault, fault_of, names_real_things
from epcis.check.rules import EVENT_RULES
from epcis.model import (
    AggregationEvent,
    AssociationEvent,
    BizTransaction,
    ErrorDeclaration,
    Node,
    ObjectEvent,
    Party,
    PersistentDisposition,
    Place,
    QuantityElement,
    QuantityEvent,
    SensorElement,
    SensorMetadata,
    SensorReport,
    TransactionEvent,
    TransformationEvent,
)
from schemas.finding import Severity, Where
from schemas.gs1.epc import identify

TIME = {"event_time": "2026-01-31T12:00:00Z", "event_time_zone_offset": "+00:00"}
PACK = "urn:epc:id:sgtin:0614141.107346.1"
CASE = "urn:epc:id:sscc:0614141.1234567890"
LOT = QuantityElement(epc_class="urn:epc:class:lgtin:0614141.107346.L1", quantity="5")
REPORT = SensorReport(type="gs1:Temperature", value="5", uom="CEL")

OBJECT = ObjectEvent(**TIME, action="OBSERVE", epcs=(PACK,), biz_step="shipping")
PACKING = AggregationEvent(**TIME, action="ADD", parent_id=CASE, child_epcs=(PACK,))
TIE = AssociationEvent(**TIME, action="ADD", parent_id=CASE, child_epcs=(PACK,))
ORDER = TransactionEvent(
    **TIME, action="ADD", epcs=(PACK,), biz_transactions=(BizTransaction(id="urn:x:po"),)
)
BLEND = TransformationEvent(**TIME, input_epcs=(PACK,), output_quantities=(LOT,))
SENSED = ObjectEvent(
    **TIME,
    action="OBSERVE",
    read_point=Place(id="urn:epc:id:sgln:0614141.00001.0"),
    sensor_elements=(SensorElement(reports=(REPORT,)),),
)
WRONG = ObjectEvent(
    **TIME,
    action="OBSERVE",
    epcs=(PACK,),
    event_id="urn:uuid:1",
    error_declaration=ErrorDeclaration(
        declaration_time="2026-02-01T00:00:00Z",
        reason="incorrect_data",
        corrective_event_ids=("urn:uuid:2",),
    ),
)
RIGHT = [OBJECT, PACKING, TIE, ORDER, BLEND, SENSED, WRONG]


def but(event, **fields):
    return msgspec.structs.replace(event, **fields)


def declared(**fields):
    return but(WRONG, error_declaration=msgspec.structs.replace(WRONG.error_declaration, **fields))


def sensed(*reports, **metadata):
    element = SensorElement(
        metadata=SensorMetadata(**metadata) if metadata else None, reports=reports
    )
    return but(SENSED, sensor_elements=(element,))


MISTAKES = [
    ("event.what-missing", but(OBJECT, epcs=())),
    ("event.what-missing", but(SENSED, read_point=None)),
    ("event.what-missing", but(ORDER, epcs=None)),
    ("event.what-missing", but(BLEND, input_epcs=None, output_quantities=None)),
    ("event.transaction-missing", but(ORDER, biz_transactions=())),
    ("event.transformation-id-missing", but(BLEND, output_quantities=None)),
    ("event.parent-missing", but(PACKING, parent_id=None)),
    ("event.parent-missing", but(PACKING, parent_id=None, action="DELETE")),
    ("event.parent-missing", but(TIE, parent_id=None)),
    ("event.children-missing", but(PACKING, child_epcs=())),
    ("event.children-missing", but(TIE, child_epcs=None, action="OBSERVE")),
    ("event.parent-is-child", but(PACKING, child_epcs=(PACK, CASE))),
    ("event.parent-is-child", but(PACKING, child_epcs=(identify(CASE).to_digital_link(),))),
    ("event.ilmd-outside-add", but(OBJECT, ilmd=(Node(name="lot"),))),
    ("event.id-repeated", but(OBJECT, epcs=(PACK, PACK))),
    ("event.id-repeated", but(OBJECT, epcs=(PACK, identify(PACK).to_digital_link()))),
    ("event.quantity-not-positive", but(OBJECT, quantities=(but(LOT, quantity="0"),))),
    ("event.unit-unknown", but(OBJECT, quantities=(but(LOT, uom="kilogram"),))),
    ("event.quantity-event", QuantityEvent(**TIME, epc_class="urn:x:y", quantity="5")),
    ("event.offset-invalid", but(OBJECT, event_time_zone_offset="2:00")),
    ("event.offset-invalid", but(OBJECT, event_time_zone_offset=None)),
    ("event.time-unreadable", but(OBJECT, event_time="31.1.2026")),
    ("event.time-without-zone", but(OBJECT, event_time="2026-01-31T12:00:00")),
    ("event.declaration-time-missing", declared(declaration_time="")),
    ("event.correction-of-nothing", declared(reason="urn:epcglobal:cbv:er:did_not_occur")),
    ("event.corrects-itself", declared(corrective_event_ids=("urn:uuid:1",))),
    ("event.declared-before-event", declared(declaration_time="2026-01-30T00:00:00Z")),
    ("event.word-unknown", but(OBJECT, biz_step="urn:epcglobal:cbv:bizstep:shiping")),
    ("event.word-unknown", but(OBJECT, disposition="lost")),
    ("event.word-unknown", but(OBJECT, sources=(Party(id="urn:x:y", type="seller"),))),
    ("event.word-unknown", sensed(but(REPORT, type="gs1:Warmth"))),
    ("event.word-of-cbv-1", but(OBJECT, disposition="urn:epcglobal:cbv:disp:non_sellable_expired")),
    ("event.disposition-empty", but(OBJECT, persistent_disposition=PersistentDisposition())),
    (
        "event.disposition-contradiction",
        but(
            OBJECT,
            persistent_disposition=PersistentDisposition(
                set=("recalled",), unset=("urn:epcglobal:cbv:disp:recalled",)
            ),
        ),
    ),
    ("event.sensor-report-missing", sensed()),
    ("event.sensor-type-missing", sensed(but(REPORT, type=None))),
    ("event.sensor-value-missing", sensed(but(REPORT, value=None))),
    ("event.sensor-percentile-half", sensed(but(REPORT, perc_rank="50"))),
    ("event.sensor-percentile-outside", sensed(but(REPORT, perc_rank="150", perc_value="1"))),
    ("event.sensor-unit-missing", sensed(but(REPORT, uom=None))),
    ("event.sensor-unit-foreign", sensed(but(REPORT, uom="KGM"))),
    ("event.sensor-unit-foreign", sensed(but(REPORT, type="gs1:RelativeHumidity", uom="CEL"))),
    ("event.sensor-range-inverted", sensed(but(REPORT, min_value="9", max_value="2"))),
    ("event.sensor-attribute-twice", sensed(but(REPORT, device_id="urn:x:1"), device_id="urn:x:1")),
    (
        "event.sensor-ends-before-start",
        sensed(REPORT, start_time="2026-01-31T12:00:00Z", end_time="2026-01-31T11:00:00Z"),
    ),
    ("event.id-malformed", but(OBJECT, epcs=("urn:epc:id:sgtin:0614141.10734.1",))),
    ("event.id-malformed", but(OBJECT, epcs=("https://id.gs1.org/01/0614141/21/1",))),
    ("event.id-malformed", but(PACKING, parent_id="urn:epc:id:sscc:0614141.123")),
    ("event.id-malformed", but(OBJECT, read_point=Place(id="urn:epc:id:sgln:0614141.1.0"))),
    ("event.class-as-instance", but(OBJECT, epcs=("urn:epc:class:lgtin:0614141.107346.L1",))),
    ("event.instance-as-class", but(OBJECT, quantities=(but(LOT, epc_class=PACK),))),
]


def faults(event):
    return [fault for rule in EVENT_RULES for fault in rule(event)]


@pytest.mark.parametrize("event", RIGHT, ids=lambda event: type(event).__name__)
def test_a_right_event_has_no_faults(event):
    assert faults(event) == []


@pytest.mark.parametrize(
    ("code", "event"), MISTAKES, ids=[f"{n} {m[0]}" for n, m in enumerate(MISTAKES)]
)
def test_a_mistake_is_found(code, event):
    found = [fault for fault in faults(event) if fault.code == code]
    assert len(found) == 1, [fault.code for fault in faults(event)]
    assert found[0].what
    assert found[0].hint


def test_taking_all_children_out_needs_no_list_of_them():
    assert faults(but(PACKING, action="DELETE", child_epcs=None)) == []


def test_seeing_children_without_their_parent_is_allowed():
    assert faults(but(PACKING, action="OBSERVE", parent_id=None)) == []


def test_half_a_transformation_is_tied_by_its_id():
    assert faults(but(BLEND, output_quantities=None, transformation_id="urn:x:1")) == []


def test_words_of_somebody_else_are_none_of_our_business():
    assert faults(but(OBJECT, biz_step="https://example.com/steps/blending")) == []


def test_an_event_that_did_not_occur_needs_no_correction():
    assert faults(declared(reason="did_not_occur", corrective_event_ids=None)) == []


def test_schemes_without_digits_keep_their_own_rules():
    for uri in (
        "urn:epc:id:giai:0614141.12345400",
        "urn:epc:id:gid:31415.1000.1234",
        "urn:epc:id:grai:0614141.12345.400",
        "urn:epc:idpat:sgtin:0614141.107346.*",
        "urn:epc:id:sgln:0614141.00001.0",
        "urn:epc:id:sgtin:0614141.107346.%2Fa%22",
        "urn:uuid:1",
        "https://example.com/objects/1",
    ):
        assert epc_fault(uri) is None, uri


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("urn:epc:id:sgtin:061414.107346.1", "have 12 digits"),
        ("urn:epc:id:sgtin:06141.41107346.1", "no company prefix"),
        ("urn:epc:id:sgtin:0614141.107346", "parts"),
        ("urn:epc:id:sgtin:0614141.1O7346.1", "no number"),
        ("urn:epc:id:sgtin:0614141.107346." + "1" * 21, "too long"),
        ("urn:epc:id:sgtin:0614141.107346.ä", "character"),
        ("urn:epc:nonsense", "no EPC URN"),
    ],
)
def test_what_is_wrong_with_an_epc_is_said(uri, what):
    fault = epc_fault(uri)
    assert fault is not None
    assert what in fault[0]


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_an_epc(text):
    for head in ("", "urn:epc:id:sgtin:", "urn:epc:id:sscc:", "urn:epc:id:sgln:0614141."):
        epc_fault(head + text)


def test_a_fault_knows_its_field():
    fault = faults(but(OBJECT, epcs=(PACK, PACK)))[0]
    finding = fault.at(Where(line=3, path="/e"))
    assert finding.where == Where(line=3, path="/e/epcList")
    assert finding.severity is Severity.WARNING


_HEADS = st.sampled_from(
    [
        "https://id.gs1.org/01/09521321000018/21/",
        "https://id.gs1.org/01/09521321000011/21/",
        "https://id.gs1.org/01/0952132100001/21/",
        "https://shop.example/01/09521321000018/21/",
        "urn:epc:id:sgtin:0614141.107346.",
        "urn:epc:id:sgtin:0614141.10734.",
        "urn:epc:id:sscc:0614141.123456789",
    ]
)
_SERIALS = st.text("09AZaz-/%?.\u00e9\u0660", min_size=1, max_size=24)


@given(st.builds(str.__add__, _HEADS, _SERIALS))
def test_the_serial_numbers_of_a_sound_product_are_judged_as_each_by_itself(uri):
    """Capture judges the part that names the product once; the answer is the same for each id."""
    event = but(OBJECT, epcs=(uri, CASE))
    codes = {found.code for found in names_real_things(event)}
    assert ("event.id-malformed" in codes) == (fault_of(uri) is not None)
