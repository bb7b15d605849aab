"""Our schemas and the published ones say the same of every document, right or wrong.

Every published example is taken apart: elements and fields are dropped, doubled, moved, renamed
and given other values. Whatever comes out, both schemas must agree on it. The differences that are
meant stand in `MEANT` and in docs/reference/schemas.md.
"""

from __future__ import annotations

import copy
import io
import json
import random

import jsonschema_rs
import pytest
from lxml import etree

from epcis.codec.document import DocumentRefused, Syntax, convert
from schemas.epcis.files import namespace
from schemas.validate import (
    event_xml_schema,
    json_event_validator,
    json_validator,
    query_validator,
    xml_schema,
)

XML_FOLDERS = (
    "examples/dscsa",
    "examples/gs1-xml",
    "examples/invalid-xml",
    "examples/openepcis-1.2-xml",
    "examples/openepcis-2.0-xml",
    "examples/partner-1.2-xml",
    "hash-vectors",
    "query-interop/events",
    "query-interop/masterdata",
    "query-interop/requests",
    "query-interop/responses",
)
JSON_FOLDERS = (
    "examples/gs1-json",
    "examples/invalid-json",
    "examples/openepcis-2.0-json",
    "hash-vectors",
)
EDGES = """
+5 05 1. -0.0 1e5 INF NaN 0 1 100 101 false TRUE abcd ABC
2026-01-31T24:00:00Z 02026-01-31T12:00:00Z 2026-01-31T12:00:60Z 2026-01-31t12:00:00z
2026-01-31T12:00:00+14:01 2026-01-31T12:00:00.Z 2024-02-29T12:00:00Z
+14:00 -14:00 +14:30 -00:00 +1:00 Z
CEL cel C CELS po owning_party did_not_occur ALARM_CONDITION add
urn: urn:x URN:X:Y # :: %zz a:b 1a:b a+b:c a:{b} _:b ex: ex:ä //a/b ?x http://
http://[::1] http://a:b/ http://a/% http://ex.com/a|b http://ex.com/ä
cbv:BizStep-shipping https://ref.gs1.org/cbv/BizStep-shipping gs1:Comp-x
"""
"""Values at the edge of the types they could be of."""
TEXTS = (
    "",
    " ",
    "abc",
    "-1",
    "1.5",
    "12345678901234567890",
    "true",
    "ADD",
    "DELETE",
    "OBSERVE",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-01-31T12:00:00Z",
    "2026-01-31T12:00:00.123+14:00",
    "2026-02-30T12:00:00Z",
    "urn:epc:id:sgtin:0614141.107346.2017",
    "https://id.gs1.org/01/09506000134352/21/A%2F1",
    "urn:epcglobal:cbv:bizstep:shipping",
    "https://ns.gs1.org/cbv/BizStep-shipping",
    "shipping",
    "gs1:Temperature",
    "https://gs1.org/voc/Temperature",
    "ex:own",
    "+01:00",
    "-15:00",
    "KGM",
    "a b",
    "ä ö",
    *EDGES.split(),
    "https://ex ample",
    " ADD ",
    "\tADD",
    "\u00a0",
)
NAMES = (
    "eventTime",
    "recordTime",
    "eventTimeZoneOffset",
    "eventID",
    "errorDeclaration",
    "certificationInfo",
    "baseExtension",
    "epcList",
    "epc",
    "parentID",
    "childEPCs",
    "action",
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "id",
    "bizTransactionList",
    "bizTransaction",
    "quantityList",
    "quantityElement",
    "quantity",
    "epcClass",
    "uom",
    "sourceList",
    "destinationList",
    "source",
    "destination",
    "sensorElementList",
    "sensorElement",
    "sensorReport",
    "sensorMetadata",
    "ilmd",
    "transformationID",
    "inputEPCList",
    "outputEPCList",
    "inputQuantityList",
    "outputQuantityList",
    "extension",
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
    "QuantityEvent",
    "EPCISHeader",
    "EPCISBody",
    "EventList",
    "VocabularyList",
    "Vocabulary",
    "attribute",
    "children",
    "type",
    "time",
    "set",
    "unset",
    "declarationTime",
    "reason",
    "correctiveEventIDs",
    "schemaVersion",
    "creationDate",
    "misspelt",
    "ex:own",
    "@context",
)
VALUES = (
    *TEXTS,
    None,
    True,
    0,
    -1,
    1.5,
    [],
    {},
    [""],
    ["urn:x:y", "urn:x:y"],
    [{}],
    {"id": "urn:x:y"},
    {"set": []},
    {"set": ["active"]},
    {"type": "ObjectEvent"},
)


def folder_files(data, folders, *suffixes):
    found = [
        path
        for folder in folders
        for path in sorted((data / "epcis" / folder).iterdir())
        if path.suffix in suffixes
    ]
    assert found, "the published examples are not where they should be"
    return found


# Mutants of XML


def elements(root):
    return [each for each in root.iter() if isinstance(each.tag, str)]


def drop(root, dice):
    chosen = dice.choice(elements(root))
    if chosen is not root:
        chosen.getparent().remove(chosen)


def double(root, dice):
    chosen = dice.choice(elements(root))
    if chosen is not root:
        chosen.addnext(copy.deepcopy(chosen))


def swap(root, dice):
    parent = dice.choice([each for each in elements(root) if len(each) > 1] or [root])
    if len(parent) > 1:
        one, other = dice.sample(range(len(parent)), 2)
        moved = parent[one]
        parent.remove(moved)
        parent.insert(other, moved)


def rename(root, dice):
    chosen = dice.choice(elements(root))
    name = dice.choice([name for name in NAMES if name.isalpha()])
    space = dice.choice(
        ["", "", "{urn:example}", f"{{{namespace('epcis', '1.2').uri}}}", "{urn:epcglobal:xsd:1}"]
    )
    chosen.tag = space + name


def retype(root, dice):
    dice.choice(elements(root)).text = dice.choice(TEXTS)


def move(root, dice):
    chosen, target = dice.choice(elements(root)), dice.choice(elements(root))
    if chosen is not root and target not in chosen.iter():
        target.insert(dice.randint(0, len(target)), chosen)


def new_attribute(root, dice):
    name = dice.choice(["type", "id", "time", "value", "{urn:example}own", "schemaVersion"])
    dice.choice(elements(root)).set(name, dice.choice(TEXTS))


def lose_attribute(root, dice):
    chosen = dice.choice([each for each in elements(root) if each.attrib] or [root])
    if chosen.attrib:
        del chosen.attrib[dice.choice(sorted(chosen.attrib))]


def change_attribute(root, dice):
    chosen = dice.choice([each for each in elements(root) if each.attrib] or [root])
    if chosen.attrib:
        chosen.set(dice.choice(sorted(chosen.attrib)), dice.choice(TEXTS))


def new_element(root, dice):
    space = dice.choice(["", "{urn:example}"])
    parent = dice.choice(elements(root))
    parent.insert(dice.randint(0, len(parent)), parent.makeelement(f"{space}own", {}))


def wrap(root, dice):
    chosen = dice.choice(elements(root))
    if chosen is not root:
        wrapper = chosen.makeelement(dice.choice(["extension", "baseExtension"]), {})
        chosen.getparent().replace(chosen, wrapper)
        wrapper.append(chosen)


XML_CHANGES = (
    drop,
    double,
    swap,
    rename,
    retype,
    move,
    new_attribute,
    lose_attribute,
    change_attribute,
    new_element,
    wrap,
)


def small(tree, dice, events_max=4):
    """A document with few of its events, so that a change hits something interesting."""
    for listed in tree.iter("{*}EventList"):
        for surplus in list(listed)[events_max:]:
            listed.remove(surplus)
    for listed in tree.iter("VocabularyElementList"):
        for surplus in list(listed)[events_max:]:
            listed.remove(surplus)


def xml_mutant(root, dice):
    mutant = copy.deepcopy(root)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        dice.choice(XML_CHANGES)(mutant, dice)
    return mutant


def xml_verdicts(root, version, published):
    # Read back: a tree changed in memory may hold what no file can.
    tree = etree.fromstring(etree.tostring(root))
    return xml_schema(version).validate(tree), xml_schema(version, published).validate(tree)


def version_of(root):
    return "2.0" if etree.QName(root).namespace in OF_2_0 else "1.2"


OF_2_0 = {namespace(kind, "2.0").uri for kind in ("epcis", "epcismd", "epcisq")}


@pytest.fixture(scope="module")
def published(shared):
    return shared / "epcis" / "standard"


def test_every_published_xml_example_gets_the_published_verdict(shared, published):
    for path in folder_files(shared, XML_FOLDERS, ".xml"):
        root = etree.parse(path).getroot()
        for version in ("1.2", "2.0"):
            ours, theirs = xml_verdicts(root, version, published)
            assert ours == theirs, path.name


def xml_differences(shared, published, rounds, seed):
    verdicts, different = [], []
    for path in folder_files(shared, XML_FOLDERS, ".xml"):
        root = etree.parse(path).getroot()
        dice = random.Random(f"{seed} {path.name}")
        small(root, dice)
        for _ in range(rounds):
            mutant = xml_mutant(root, dice)
            ours, theirs = xml_verdicts(mutant, version_of(root), published)
            verdicts.append(theirs)
            if ours != theirs:
                different.append((path.name, ours, etree.tostring(mutant).decode()))
    return verdicts, different


def test_thousands_of_xml_mutants_get_the_published_verdict(shared, published):
    verdicts, different = xml_differences(shared, published, rounds=120, seed=1)
    assert not different, different[:3]
    assert len(verdicts) > 9000
    assert verdicts.count(True) > 200, "the changes break everything: they test nothing"
    assert verdicts.count(False) > 1000, "the changes break nothing: they test nothing"


def written(path, syntax):
    """A published example as we write it in a syntax; None where it is no document."""
    out = io.BytesIO()
    try:
        convert(path.read_bytes(), out, syntax)
    except DocumentRefused:
        return None
    return out.getvalue()


def test_mutants_of_what_we_write_get_the_published_verdict(shared, published):
    """In all three syntaxes, so that the header of each is met in the others too."""
    folders = (*XML_FOLDERS[:2], *XML_FOLDERS[3:8], *JSON_FOLDERS)
    judged = 0
    for path in folder_files(shared, folders, ".xml", ".json", ".jsonld"):
        dice = random.Random(path.name)
        for syntax in (Syntax.XML_1_2, Syntax.XML_2_0):
            document = written(path, syntax)
            root = None if document is None else etree.fromstring(document)
            if root is not None:
                small(root, dice)
                for _ in range(8):
                    mutant = xml_mutant(root, dice)
                    ours, theirs = xml_verdicts(mutant, version_of(root), published)
                    assert ours == theirs, etree.tostring(mutant)
                    judged += 1
        document = written(path, Syntax.JSON_LD)
        for _ in range(8 if document else 0):
            mutant = json_mutant(json.loads(document), dice)
            ours = json_validator().is_valid(mutant)
            assert ours == json_validator(published).is_valid(mutant), mutant
            judged += 1
    assert judged > 1000


@pytest.mark.endurance
def test_many_thousands_of_xml_mutants_get_the_published_verdict(shared, published):
    _, different = xml_differences(shared, published, rounds=400, seed=random.random())
    assert not different, different[:3]


def test_a_single_xml_event_gets_the_published_verdict(shared, published):
    seen = 0
    for path in folder_files(shared, ("examples/gs1-xml", "examples/openepcis-1.2-xml"), ".xml"):
        root = etree.parse(path).getroot()
        dice = random.Random(path.name)
        for event in root.iter("ObjectEvent", "AggregationEvent", "TransformationEvent"):
            for _ in range(20):
                mutant = etree.fromstring(etree.tostring(xml_mutant(event, dice)))
                for version in ("1.2", "2.0"):
                    ours = event_xml_schema(version).validate(mutant)
                    assert ours == event_xml_schema(version, published).validate(mutant)
                    seen += ours
    assert seen > 50


# Mutants of JSON


def places(value, found=None):
    """Every (container, key) of a JSON value."""
    found = [] if found is None else found
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found.append((value, key))
        places(inner, found)
    return found


def json_drop(document, dice):
    container, key = dice.choice(places(document))
    del container[key]


def json_double(document, dice):
    lists = [(c, k) for c, k in places(document) if isinstance(c, list)]
    if lists:
        container, key = dice.choice(lists)
        container.insert(key, copy.deepcopy(container[key]))


def json_rename(document, dice):
    objects = [(c, k) for c, k in places(document) if isinstance(c, dict)]
    container, key = dice.choice(objects)
    container[dice.choice(NAMES)] = container.pop(key)


def json_retype(document, dice):
    container, key = dice.choice(places(document))
    container[key] = copy.deepcopy(dice.choice(VALUES))


def json_add(document, dice):
    objects = [c for c, _ in places(document) if isinstance(c, dict)]
    dice.choice(objects)[dice.choice(NAMES)] = copy.deepcopy(dice.choice(VALUES))


def json_move(document, dice):
    container, key = dice.choice(places(document))
    target, name = dice.choice(places(document))
    target[name] = copy.deepcopy(container[key])


JSON_CHANGES = (json_drop, json_double, json_rename, json_retype, json_add, json_move)


def json_mutant(document, dice):
    mutant = copy.deepcopy(document)
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        if places(mutant):
            dice.choice(JSON_CHANGES)(mutant, dice)
    return mutant


def test_every_published_json_example_gets_the_published_verdict(shared, published):
    for path in folder_files(shared, JSON_FOLDERS, ".json", ".jsonld"):
        document = json.loads(path.read_bytes())
        ours = json_validator().is_valid(document)
        assert ours == json_validator(published).is_valid(document), path.name


def json_differences(shared, published, rounds, seed):
    verdicts, different = [], []
    for path in folder_files(shared, JSON_FOLDERS, ".json", ".jsonld"):
        document = json.loads(path.read_bytes())
        dice = random.Random(f"{seed} {path.name}")
        for _ in range(rounds):
            mutant = json_mutant(document, dice)
            ours = json_validator().is_valid(mutant)
            theirs = json_validator(published).is_valid(mutant)
            verdicts.append(theirs)
            if ours != theirs:
                different.append((path.name, ours, json.dumps(mutant)))
    return verdicts, different


def test_thousands_of_json_mutants_get_the_published_verdict(shared, published):
    verdicts, different = json_differences(shared, published, rounds=250, seed=1)
    assert not different, different[:3]
    assert len(verdicts) > 10_000
    assert verdicts.count(True) > 400, "the changes break everything: they test nothing"
    assert verdicts.count(False) > 1000, "the changes break nothing: they test nothing"


@pytest.mark.endurance
def test_many_thousands_of_json_mutants_get_the_published_verdict(shared, published):
    _, different = json_differences(shared, published, rounds=2000, seed=random.random())
    assert not different, different[:3]


def test_a_single_json_event_gets_the_published_verdict(shared, published):
    valid = 0
    for path in folder_files(shared, JSON_FOLDERS, ".json", ".jsonld"):
        document = json.loads(path.read_bytes())
        dice = random.Random(path.name)
        for event in document.get("epcisBody", {}).get("eventList", []):
            for bare in (event, {"@context": document["@context"], **event}):
                for _ in range(10):
                    mutant = json_mutant(bare, dice)
                    ours = json_event_validator().is_valid(mutant)
                    assert ours == json_event_validator(published).is_valid(mutant)
                    assert json_validator().is_valid(mutant) == json_validator(published).is_valid(
                        mutant
                    )
                    valid += ours
    assert valid > 100


# Queries

PARAMETERS = (
    "EQ_bizStep",
    "EQ_disposition",
    "EQ_action",
    "eventType",
    "GE_eventTime",
    "LT_recordTime",
    "MATCH_epc",
    "MATCH_anyEPCClass",
    "WD_readPoint",
    "EQ_bizTransaction_po",
    "EQ_source_owning_party",
    "EQ_source_X",
    "EQ_ex:field",
    "GT_ex:field",
    "EQ_INNER_ex:field",
    "LE_INNER_ILMD_ex:field",
    "EQ_ILMD_ex:my-field",
    "EXISTS_ex:field",
    "EXISTS_INNER_ERROR_DECLARATION_ex:f",
    "EXISTS_SENSORREPORT_ex:f",
    "EXISTS_INNER_SENSORREPORT_ex:f",
    "EQ_readPoint_ex:f",
    "GT_readPoint_ex:f",
    "EQ_INNER_bizLocation_ex:f",
    "HASATTR_ex:f",
    "EQ_ATTR_a_b",
    "EQ_value_CEL",
    "EQ_minValue_CEL",
    "GE_minValue_CEL",
    "GT_value_cel",
    "LE_percValue_P1",
    "EQ_quantity_KGM",
    "LT_quantity_TOOLONG",
    "GE_percRank",
    "EQ_booleanValue",
    "EQ_stringValue",
    "orderBy",
    "orderDirection",
    "eventCountLimit",
    "maxEventCount",
    "unknown",
    "EQ_SENSORELEMENT_ex:f",
    "GE_INNER_SENSORMETADATA_ex:f",
    "EQ_type",
    "EQ_errorReason",
    "@context",
    "GE_errorDeclaration_Time",
    "perPage",
    "EQ_Ex:field",
    "EQ_persistentDisposition_set",
)
MEANT = {
    "GE_errorDeclarationTime": "2026-01-31T12:00:00Z",
    "EQ_quantity": 5,
    "EXISTS_errorDeclaration": True,
    "EXISTS_sensorElementList": True,
    "EXISTS_ex:field": False,
    "EQATTR_bizLocation_region": ["EU"],
    "HASATTR_bizLocation": ["region"],
}
"""Parameters as the REST interface spells them, which the published query schema does not know."""
QUERY_VALUES = (
    *VALUES,
    ["shipping"],
    ["active"],
    ["ObjectEvent"],
    ["ADD"],
    ["did_not_occur"],
    ["Temperature"],
    ["https://example.com/x"],
    [1, 2],
    ["a", 1],
    "ASC",
    7,
)


@pytest.fixture(scope="module")
def published_queries(published):
    """The published query schema as it is meant.

    Its patterns for extension fields escape the backslash, so that they fit no field at all.
    """
    schema = json.loads((published / "rest" / "query-schema.json").read_bytes())
    families = schema["definitions"]["EPCIS-Query"]["patternProperties"]
    meant = {name.replace("\\\\", "\\"): value for name, value in families.items()}
    schema["definitions"]["EPCIS-Query"]["patternProperties"] = meant
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def test_every_query_gets_the_published_verdict(published_queries):
    ours, theirs = query_validator(), published_queries
    accepted = 0
    for name in PARAMETERS:
        for value in QUERY_VALUES:
            if name.startswith("EXISTS") and isinstance(value, bool):
                continue
            query = {name: value}
            assert ours.is_valid(query) == theirs.is_valid(query), query
            accepted += ours.is_valid(query)
    assert accepted > 100


def test_queries_as_the_rest_interface_spells_them_are_taken_too(published_queries):
    for name, value in MEANT.items():
        assert query_validator().is_valid({name: value}), name
        assert not published_queries.is_valid({name: value}), name


def test_an_operator_gets_the_published_query_schema_as_it_is(published):
    assert query_validator(published).is_valid({"EQ_bizStep": ["shipping"]})
    assert not query_validator(published).is_valid({"EQ_ex:field": ["a"]})
