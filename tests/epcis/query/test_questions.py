"""Every kind of parameter finds the events it names and no other."""

from __future__ import annotations

from asking import named

from schemas.gs1.epc import identify


def test_words_are_found_in_every_spelling(memory):
    memory.take(
        named("a", bizStep="shipping", disposition="in_transit"),
        named("b", bizStep="https://ref.gs1.org/cbv/BizStep-receiving"),
        named("c", bizStep="https://example.org/ext/step-loading"),
    )
    for step in (
        "shipping",
        "urn:epcglobal:cbv:bizstep:shipping",
        "https://ref.gs1.org/cbv/BizStep-shipping",
        "cbv:BizStep-shipping",
    ):
        assert memory.ask({"EQ_bizStep": step}) == ["a"]
    assert memory.ask({"EQ_bizStep": "shipping|receiving"}) == ["a", "b"]
    assert memory.ask({"EQ_bizStep": "ex:step-loading"}) == ["c"]
    assert memory.ask(EQ_bizStep=["shipping"], EQ_disposition=["active"]) == []


def test_types_actions_and_times_have_exact_boundaries(memory):
    memory.take(
        named("a", action="ADD"),
        named("b", action="DELETE"),
        {
            "type": "AggregationEvent",
            "eventID": "urn:event:c",
            "parentID": "urn:epc:id:sscc:0614141.1234567890",
            "childEPCs": ["urn:epc:id:sgtin:0614141.107346.x"],
        },
    )
    for kind in ("AggregationEvent", "epcis:AggregationEvent"):
        assert memory.ask({"eventType": kind}) == ["c"]
    assert memory.ask({"EQ_action": "ADD|DELETE"}) == ["a", "b"]
    assert memory.ask({"GE_eventTime": "2026-01-01T00:01:00Z"}) == ["b", "c"]
    assert memory.ask({"LT_eventTime": "2026-01-01T01:01:00+01:00"}) == ["a"]
    assert memory.ask({"LT_eventTime": "2026-01-01T01:01:00 01:00"}) == ["a"]
    assert memory.ask({"GE_recordTime": "2026-03-01T12:00:00Z"}) == ["a", "b", "c"]
    assert memory.ask({"LT_recordTime": "2026-03-01T12:00:00Z"}) == []


def test_places_match_as_keys_and_with_all_below_them(memory):
    site, room, shelf = (f"urn:epc:id:sgln:0614141.0000{n}.0" for n in (1, 2, 3))
    vocabulary = {
        "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
        "vocabularyElementList": [
            {"id": site, "children": [room]},
            {"id": room, "children": [shelf]},
            {"id": shelf, "children": [site]},  # a circle, as partners send them
        ],
    }
    memory.take(
        named("a", bizLocation={"id": site}, readPoint={"id": shelf}),
        named("b", bizLocation={"id": "https://id.gs1.org/414/0614141000036"}),
        named("c", bizLocation={"id": "urn:epc:id:sgln:0614141.00009.0"}),
        master_data=[vocabulary],
    )
    assert memory.ask(EQ_bizLocation=["https://id.gs1.org/414/0614141000012"]) == ["a"]
    assert memory.ask(WD_bizLocation=[room]) == ["a", "b"]
    assert memory.ask(WD_bizLocation=["urn:epc:id:sgln:0614141.00009.0"]) == ["c"]
    assert memory.ask(WD_readPoint=[site]) == ["a"]


def test_transactions_and_parties_are_asked_by_type(memory):
    owner = "urn:epc:id:pgln:4012345.00000"
    memory.take(
        named(
            "a",
            bizTransactionList=[
                {"type": "po", "bizTransaction": "urn:epc:id:gdti:0614141.00001.9"}
            ],
            sourceList=[{"type": "owning_party", "source": owner}],
        ),
        named(
            "b",
            bizTransactionList=[
                {"type": "inv", "bizTransaction": "urn:epc:id:gdti:0614141.00001.9"}
            ],
            destinationList=[{"type": "owning_party", "destination": owner}],
        ),
    )
    order = ["urn:epc:id:gdti:0614141.00001.9"]
    assert memory.ask(EQ_bizTransaction_po=order) == ["a"]
    assert memory.ask(**{"EQ_bizTransaction_urn:epcglobal:cbv:btt:inv": order}) == ["b"]
    assert memory.ask(EQ_source_owning_party=["https://id.gs1.org/417/4012345000009"]) == ["a"]
    assert memory.ask(EQ_destination_owning_party=[owner]) == ["b"]
    assert memory.ask(EQ_destination_possessing_party=[owner]) == []


def test_persistent_dispositions_are_set_and_unset(memory):
    memory.take(
        named("a", persistentDisposition={"set": ["completeness_verified"]}),
        named("b", persistentDisposition={"unset": ["completeness_verified"]}),
    )
    word = "urn:epcglobal:cbv:disp:completeness_verified"
    assert memory.ask(EQ_persistentDisposition_set=[word]) == ["a"]
    assert memory.ask({"EQ_persistentDisposition_unset": "completeness_verified"}) == ["b"]


QUANTITIES_COMPARE_ACROSS = [
    ({"EQ_quantity_KGM": [0.5]}, ["a", "b"]),
    ({"EQ_quantity_GRM": [500]}, ["a", "b"]),
    ({"GE_quantity_GRM": 500, "LT_quantity_GRM": 501}, ["a", "b"]),
    ({"GT_quantity_GRM": 500}, ["c"]),
    ({"GE_quantity_LTR": 0}, []),
    ({"EQ_quantity": 500}, ["b"]),
    ({"EQ_quantity": [0.5, 12]}, ["a", "d"]),
    ({"LE_quantity": 0.5}, ["a"]),
    ({"GE_quantity": 6, "LE_quantity": 11}, []),
]


def test_quantities_compare_across_units_within_one_element(memory):
    item = "urn:epc:class:lgtin:4012345.012345.99"
    memory.take(
        {
            "eventID": "urn:event:a",
            "quantityList": [{"epcClass": item, "quantity": 0.5, "uom": "KGM"}],
        },
        {
            "eventID": "urn:event:b",
            "quantityList": [{"epcClass": item, "quantity": 500, "uom": "GRM"}],
        },
        {
            "eventID": "urn:event:c",
            "quantityList": [{"epcClass": item, "quantity": 2, "uom": "LBR"}],
        },
        {
            "eventID": "urn:event:d",
            "quantityList": [
                {"epcClass": item, "quantity": 5},
                {"epcClass": "urn:epc:class:lgtin:4012345.012345.98", "quantity": 12},
            ],
        },
    )
    told = [(asked, memory.ask(**asked)) for asked, _ in QUANTITIES_COMPARE_ACROSS]
    assert told == QUANTITIES_COMPARE_ACROSS


def sensed(letter, *reports, **metadata):
    element = {"sensorReport": list(reports)}
    if metadata:
        element["sensorMetadata"] = metadata
    return named(letter, sensorElementList=[element])


SENSOR_CONDITIONS_MEET = [
    ({"EXISTS_sensorElementList": True}, ["a", "b", "c"]),
    ({"GE_value_CEL": 5}, ["a", "b"]),
    ({"EQ_value_CEL": [5]}, ["b"]),
    ({"EQ_value_FAH": [41]}, ["b"]),
    ({"GE_value_KEL": 281.15}, ["a"]),
    ({"GT_value_CEL": 5, "LT_value_CEL": 9}, ["a"]),
    ({"EQ_type": ["Temperature"], "GE_value_P1": 40}, []),
    ({"EQ_type": ["gs1:RelativeHumidity"], "GE_value_P1": 40}, ["a"]),
    ({"GE_value_CEL": 5, "GE_value_P1": 40}, ["a"]),
    ({"GE_value_CEL": 5, "GE_value_P1": 60}, []),
    ({"EQ_deviceID": ["urn:epc:id:giai:4000001.111"]}, ["a"]),
    ({"EQ_deviceID": ["https://id.gs1.org/8004/4000001222"]}, ["b"]),
    ({"GE_time": "2026-01-01T00:00:00Z"}, ["b"]),
    ({"GE_startTime": "2026-01-01T10:00:00Z"}, ["a"]),
    ({"LT_endTime": "2026-01-01T10:00:00Z"}, []),
    ({"EQ_booleanValue": True}, ["c"]),
    ({"EQ_booleanValue": False}, []),
    ({"EQ_stringValue": ["SomeString"]}, ["c"]),
    ({"EQ_hexBinaryValue": ["f0f0f0"]}, ["c"]),
    ({"EQ_uriValue": ["https://id.gs1.org/8004/401234599999"]}, ["c"]),
    ({"EQ_microorganism": ["https://www.ncbi.nlm.nih.gov/taxonomy/1126011"]}, ["c"]),
    ({"EQ_bizRules": ["https://example.org/253/4012345000054987"]}, ["a"]),
    ({"EQ_dataProcessingMethod": ["https://example.com/253/4012345000054987"]}, ["b"]),
    ({"LE_minValue_CEL": 4, "GE_maxValue_FAH": 50}, ["c"]),
    ({"GE_sDev_FAH": 0.9, "LE_sDev_FAH": 0.9}, ["c"]),
    ({"GE_percRank": 50, "LE_percValue_CEL": 6}, ["c"]),
    ({"GE_percRank": 51}, []),
    ({"EQ_type": ["gs1:Temperature"], "EQ_stringValue": ["SomeString"]}, []),
]


def test_sensor_conditions_meet_in_one_report(memory):
    memory.take(
        sensed(
            "a",
            {"type": "Temperature", "value": 8, "uom": "CEL"},
            {"type": "RelativeHumidity", "value": 50, "uom": "P1"},
            deviceID="urn:epc:id:giai:4000001.111",
            bizRules="https://example.org/253/4012345000054987",
            startTime="2026-01-01T10:00:00Z",
            endTime="2026-01-01T11:00:00Z",
        ),
        sensed(
            "b",
            {
                "type": "Temperature",
                "value": 41,
                "uom": "FAH",
                "deviceID": "https://id.gs1.org/8004/4000001222",
                "dataProcessingMethod": "https://example.com/253/4012345000054987",
                "time": "2026-01-01T00:00:00Z",
            },
        ),
        sensed(
            "c",
            {"type": "Temperature", "minValue": 4, "maxValue": 10, "sDev": 0.5, "uom": "CEL"},
            {"type": "Temperature", "percRank": 50, "percValue": 6, "uom": "CEL"},
            {
                "type": "ex:thing",
                "stringValue": "SomeString",
                "booleanValue": True,
                "hexBinaryValue": "F0F0F0",
                "uriValue": "https://id.gs1.org/8004/401234599999",
                "microorganism": "https://www.ncbi.nlm.nih.gov/taxonomy/1126011",
            },
        ),
        named("d"),
    )
    told = [(asked, memory.ask(**asked)) for asked, _ in SENSOR_CONDITIONS_MEET]
    assert told == SENSOR_CONDITIONS_MEET


EXTENSION_FIELDS_ARE = [
    ({"EQ_ex:grade": "A"}, ["a"]),
    ({"EQ_ex:grade": "A|B"}, ["a", "b"]),
    ({"EXISTS_ex:grade": ""}, ["a", "b"]),
    ({"EXISTS_ex:inside": ""}, []),
    ({"EXISTS_INNER_ex:inside": ""}, ["a"]),
    ({"EQ_INNER_ex:inside": "deep"}, ["a"]),
    ({"EQ_ex:inside": "deep"}, []),
    ({"GE_ex:amount": "20"}, ["a"]),
    ({"GT_ex:amount": "20"}, []),
    ({"EQ_ex:amount": "20.0"}, ["a"]),
    ({"LT_ex:at": "2026-02-01T00:00:00Z"}, ["a"]),
    ({"EQ_ex:at": "2026-01-15T01:00:00+01:00"}, ["a"]),
    ({"EQ_ILMD_cbvmda:lotNumber": "020"}, ["b"]),
    ({"EQ_ILMD_cbvmda:lotNumber": "20"}, ["a"]),
    ({"EQ_ILMD_urn:epcglobal:cbv:mda#lotNumber": "20"}, ["a"]),
    ({"EQ_ex:lotNumber": "20"}, []),
    ({"EQ_ERROR_DECLARATION_ex:why": "typo"}, ["c"]),
    ({"EQ_readPoint_ex:dock": "3"}, ["b"]),
    ({"EQ_bizLocation_ex:dock": "3"}, []),
    ({"EQ_SENSORREPORT_ex:quality": "good"}, ["b"]),
    ({"EQ_SENSORELEMENT_ex:quality": "good"}, []),
    ({"EQ_https://example.org/ext/#grade": "B"}, ["b"]),
    ({"EQ_https://example.org/ext/grade": "B"}, ["b"]),
]


def test_extension_fields_are_asked_where_they_stand(memory):
    memory.take(
        named(
            "a",
            action="ADD",
            ilmd={"cbvmda:lotNumber": "20"},
            **{
                "ex:grade": "A",
                "ex:amount": 20,
                "ex:at": "2026-01-15T00:00:00Z",
                "ex:box": {"ex:inside": "deep"},
            },
        ),
        named(
            "b",
            action="ADD",
            ilmd={"cbvmda:lotNumber": "020"},
            readPoint={"id": "urn:epc:id:sgln:0614141.00001.0", "ex:dock": "3"},
            sensorElementList=[
                {
                    "sensorReport": [
                        {"type": "Temperature", "value": 1, "uom": "CEL", "ex:quality": "good"}
                    ]
                }
            ],
            **{"ex:grade": "B"},
        ),
        named(
            "c",
            errorDeclaration={
                "declarationTime": "2026-01-02T00:00:00Z",
                "reason": "incorrect_data",
                "correctiveEventIDs": ["urn:event:b"],
                "ex:why": "typo",
            },
        ),
    )
    told = [(asked, memory.ask(asked)) for asked, _ in EXTENSION_FIELDS_ARE]
    assert told == EXTENSION_FIELDS_ARE


def test_xml_and_json_senders_name_the_same_field(memory):
    xml = b"""<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2"
      creationDate="2026-01-01T00:00:00Z" xmlns:ex="https://example.org/ext"><EPCISBody><EventList>
      <ObjectEvent><eventTime>2026-01-01T09:00:00Z</eventTime>
      <eventTimeZoneOffset>+00:00</eventTimeZoneOffset>
      <baseExtension><eventID>urn:event:x</eventID></baseExtension>
      <epcList/><action>ADD</action>
      <extension><ilmd><m:lotNumber xmlns:m="urn:epcglobal:cbv:mda">L1</m:lotNumber></ilmd>
      </extension><ex:grade>A</ex:grade></ObjectEvent></EventList></EPCISBody>
      </epcis:EPCISDocument>"""
    memory.take(named("j", action="ADD", ilmd={"cbvmda:lotNumber": "L1"}, **{"ex:grade": "A"}))
    memory.take_bytes(xml)
    assert memory.ask({"EQ_ex:grade": "A"}) == ["j", "x"]
    assert memory.ask({"EQ_ILMD_cbvmda:lotNumber": "L1"}) == ["j", "x"]


def test_declared_errors_are_found_and_leave_the_effective_view(memory):
    wrong = named("a", bizStep="shipping")
    memory.take(wrong)
    memory.take(
        {
            **wrong,
            "errorDeclaration": {
                "declarationTime": "2026-01-05T00:00:00Z",
                "reason": "incorrect_data",
                "correctiveEventIDs": ["urn:event:b"],
            },
        },
        named("b", bizStep="shipping", eventTime="2026-01-01T08:00:00Z"),
    )
    assert memory.ask({"EQ_bizStep": "shipping"}) == ["a", "a", "b"]
    assert memory.ask({"EXISTS_errorDeclaration": "true"}) == ["a"]
    assert memory.ask({"EXISTS_errorDeclaration": "false"}) == ["a", "a", "b"]
    assert memory.ask({"EQ_errorReason": "urn:epcglobal:cbv:er:incorrect_data"}) == ["a"]
    assert memory.ask({"EQ_correctiveEventID": "urn:event:b"}) == ["a"]
    assert memory.ask({"GE_errorDeclarationTime": "2026-01-05T00:00:00Z"}) == ["a"]
    assert memory.ask({"LT_errorDeclaration_Time": "2026-01-05T00:00:00Z"}) == []
    assert memory.ask({"EQ_bizStep": "shipping"}, effective=True) == ["b"]


def test_master_data_attributes_choose_events(memory):
    place, item = "urn:epc:id:sgln:0614141.00001.0", "urn:epc:class:lgtin:4012345.012345.99"
    memory.take(
        named("a", readPoint={"id": place}, bizStep="shipping"),
        {"eventID": "urn:event:b", "quantityList": [{"epcClass": item, "quantity": 1}]},
        named("c", readPoint={"id": "urn:epc:id:sgln:0614141.00002.0"}),
        master_data=[
            {
                "type": "urn:epcglobal:epcis:vtype:ReadPoint",
                "vocabularyElementList": [
                    {
                        "id": place,
                        "attributes": [{"id": "urn:epcglobal:cbv:mda#city", "attribute": "Ulm"}],
                    }
                ],
            },
            {
                "type": "urn:epcglobal:epcis:vtype:EPCClass",
                "vocabularyElementList": [
                    {"id": item, "attributes": [{"id": "cbvmda:dosageFormType", "attribute": "X"}]}
                ],
            },
            {
                "type": "urn:epcglobal:epcis:vtype:BusinessStep",
                "vocabularyElementList": [
                    {
                        "id": "urn:epcglobal:cbv:bizstep:shipping",
                        "attributes": [
                            {"id": "https://example.org/ext/colour", "attribute": "red"}
                        ],
                    }
                ],
            },
        ],
    )
    assert memory.ask({"HASATTR_readPoint": "cbvmda:city"}) == ["a"]
    assert memory.ask({"HASATTR_readPoint": "cbvmda:street|cbvmda:city"}) == ["a"]
    assert memory.ask({"EQATTR_readPoint_urn:epcglobal:cbv:mda#city": "Ulm|Bonn"}) == ["a"]
    assert memory.ask({"EQ_ATTR_readPoint_cbvmda:city": "Bonn"}) == []
    assert memory.ask({"EQATTR_epcClass_cbvmda:dosageFormType": "X"}) == ["b"]
    assert memory.ask({"EQATTR_bizStep_ex:colour": "red"}) == ["a"]
    assert memory.ask({"HASATTR_bizLocation": "cbvmda:city"}) == []


def test_attributes_of_what_an_extension_field_names(memory):
    """A carrier's depots are master data like any other place."""
    depot, other = "urn:epc:id:sgln:0614141.00004.0", "urn:epc:id:sgln:0614141.00005.0"
    memory.take(
        named("a", **{"ex:depot": depot}),
        named("b", **{"ex:depot": other}),
        named("c", **{"ex:origin": depot}),
        master_data=[
            {
                "type": "urn:epcglobal:epcis:vtype:Location",
                "vocabularyElementList": [
                    {"id": depot, "attributes": [{"id": "cbvmda:city", "attribute": "Ulm"}]},
                    {"id": other, "attributes": [{"id": "cbvmda:name", "attribute": "X"}]},
                ],
            }
        ],
    )
    assert memory.ask({"HASATTR_ex:depot": "cbvmda:city"}) == ["a"]
    assert memory.ask({"EQATTR_ex:depot_cbvmda:city": "Ulm|Bonn"}) == ["a"]
    assert memory.ask({"EQATTR_https://example.org/ext/depot_cbvmda:name": "X"}) == ["b"]
    assert memory.ask({"EQ_ATTR_ex:depot_cbvmda:city": "Bonn"}) == []
    assert memory.ask({"HASATTR_epcis:readPoint": "cbvmda:city"}) == []


def test_event_ids_and_transformation_ids_are_found(memory):
    memory.take(
        named("a"),
        {
            "type": "TransformationEvent",
            "eventID": "urn:event:t",
            "transformationID": "urn:epc:id:gdti:0614141.00001.7",
            "inputEPCList": ["urn:epc:id:sgtin:0614141.107346.1"],
            "outputEPCList": ["urn:epc:id:sgtin:0614141.107346.2"],
        },
    )
    assert memory.ask({"EQ_eventID": "urn:event:a|urn:event:z"}) == ["a"]
    urn = "urn:epc:id:gdti:0614141.00001.7"
    link = identify(urn).to_digital_link()
    memory.take(
        {
            "type": "TransformationEvent",
            "eventID": "urn:event:u",
            "transformationID": link,
            "inputEPCList": ["urn:epc:id:sgtin:0614141.107346.3"],
            "outputEPCList": ["urn:epc:id:sgtin:0614141.107346.4"],
        }
    )
    for spelled in (urn, link, link.replace("id.gs1.org", "blends.example")):
        assert memory.ask({"EQ_transformationID": spelled}) == ["t", "u"]
    assert memory.ask({"EQ_transformationID": "urn:epc:id:gdti:0614141.00001.8"}) == []
