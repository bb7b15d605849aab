"""An outline leads to the same item states as its event, of which it holds nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.archive.outline import is_faithful, outline
from epcis.codec.document import read_document
from epcis.codec.refusal import DocumentRefused
from epcis.model import (
    AggregationEvent,
    AssociationEvent,
    BizTransaction,
    Node,
    ObjectEvent,
    Party,
    PersistentDisposition,
    Place,
    QuantityElement,
    SensorElement,
    SensorReport,
    TransactionEvent,
    TransformationEvent,
)
from epcis.store.effect import event_effects
from epcis.store.payload import (
    EventArchived,
    pack_event,
    pack_outline,
    unpack_event,
    unpack_outline,
)

STEPS = ["commissioning", "urn:epcglobal:cbv:bizstep:shipping", "receiving", "void_shipping",
         "dispensing", "transporting", "http://own.example/step", None]  # fmt: skip
DISPOSITIONS = ["active", "in_transit", "urn:epcglobal:cbv:disp:stolen", "returned", "own", None]
IDS = ["https://id.gs1.org/414/9521321000018", "urn:epc:id:sgln:0614141.00777.0", "urn:x:place"]
MDA = "urn:epcglobal:cbv:mda"

nodes = st.builds(
    Node,
    namespace=st.sampled_from([MDA, "https://gs1.org/voc/", "urn:own"]),
    name=st.sampled_from(["lotNumber", "itemExpirationDate", "grade"]),
    children=st.tuples(st.sampled_from(["L1", "2028-05-31", ""])),
)
places = st.none() | st.builds(
    Place, id=st.sampled_from(IDS), extensions=st.lists(nodes, max_size=1).map(tuple)
)
parties = st.none() | st.lists(
    st.builds(
        Party,
        type=st.sampled_from(["owning_party", "urn:epcglobal:cbv:sdt:possessing_party", "own"]),
        id=st.sampled_from(IDS),
    ),
    max_size=3,
).map(tuple)
epcs = st.none() | st.lists(st.sampled_from(["urn:x:1", "urn:x:2"]), max_size=2).map(tuple)
quantities = st.none() | st.lists(
    st.builds(QuantityElement, epc_class=st.sampled_from(["urn:c:1", "urn:c:2"])), max_size=2
).map(tuple)
words = st.lists(st.sampled_from(["damaged", "recalled", "sellable_accessible"]), max_size=2)
lasting = st.none() | st.builds(
    PersistentDisposition, set=words.map(tuple), unset=st.none() | words.map(tuple)
)
reports = st.builds(
    SensorReport,
    type=st.just("gs1:Temperature"),
    exception=st.sampled_from(["gs1:ALARM_CONDITION", "gs1:ERROR_CONDITION", None]),
)
sensors = st.none() | st.lists(
    st.builds(SensorElement, reports=st.tuples(reports)), max_size=2
).map(tuple)
shared_members = {
    "event_time": st.just("2026-01-02T03:04:05Z"),
    "biz_step": st.sampled_from(STEPS),
    "disposition": st.sampled_from(DISPOSITIONS),
    "read_point": places,
    "biz_location": places,
    "sources": parties,
    "destinations": parties,
    "persistent_disposition": lasting,
    "sensor_elements": sensors,
    "extensions": st.lists(nodes, max_size=2).map(tuple),
    "biz_transactions": st.none() | st.just((BizTransaction(id="urn:secret:order"),)),
}
actions = st.sampled_from(["ADD", "OBSERVE", "DELETE"])
ilmd = st.none() | st.lists(nodes, max_size=3).map(tuple)
contents = {"child_epcs": epcs, "child_quantities": quantities, "parent_id": st.just("urn:x:9")}
events = st.one_of(
    st.builds(ObjectEvent, action=actions, epcs=epcs, ilmd=ilmd, **shared_members),
    st.builds(AggregationEvent, action=actions, **contents, **shared_members),
    st.builds(AssociationEvent, action=actions, **contents, **shared_members),
    st.builds(TransactionEvent, action=actions, epcs=epcs, **shared_members),
    st.builds(TransformationEvent, input_epcs=epcs, ilmd=ilmd, **shared_members),
)


@given(events)
def test_an_outline_does_to_every_item_what_the_event_does(event):
    kept = unpack_outline(pack_outline(outline(event)))
    for is_own in (False, True):
        assert event_effects(kept, is_own=is_own) == event_effects(event, is_own=is_own)
    assert b"secret" not in repr(kept).encode()


def test_every_published_example_has_a_faithful_outline(shared):
    count = 0
    for path in sorted(Path(shared, "epcis", "examples").rglob("*")):
        if path.suffix not in (".xml", ".jsonld", ".json") or not path.is_file():
            continue
        try:
            read = read_document(path.read_bytes())
        except DocumentRefused:  # some examples are invalid on purpose
            continue
        for event in read.events:
            assert is_faithful(outline(event), event), path
            count += 1
    assert count > 100


def test_an_outline_is_never_taken_for_the_event():
    event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    with pytest.raises(EventArchived):
        unpack_event(pack_outline(outline(event)))
    assert unpack_outline(pack_event(event)) == event
