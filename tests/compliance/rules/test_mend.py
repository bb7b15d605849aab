"""`packtrail check --fix`: a partner's file comes out right, and nothing else in it has changed."""

from __future__ import annotations

import difflib
import gzip
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from mistakes import (
    DROP_SHIPMENT,
    LOAD,
    MISTAKES,
    NOW,
    RIGHT,
    SHIP,
    UNITS,
    checked,
    drop,
    events,
    in_event,
    swap,
    with_event,
    without_event,
)
from typer.testing import CliRunner

from compliance.rules.catalogue import RULES
from compliance.rules.file import FileQuestion, check_file
from compliance.rules.mend import mend
from compliance.rules.spans import NotMendable
from compliance.rules.xml_spans import XmlFile
from compliance.service.cli import command_line
from epcis.codec.document import Syntax, convert

QUESTION = FileQuestion("dscsa-r1.3", now=NOW)
ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}'
    "</soap:Body></soap:Envelope>"
)
DISPOSITION = "        <disposition>urn:epcglobal:cbv:disp:in_transit</disposition>\n"

MENDED = [
    ("D13", "a SOAP envelope", "".join(
        (RIGHT.split("\n", 1)[0], "\n", ENVELOPE.format(RIGHT.split("\n", 1)[1])))),
    ("H04", "an authority nobody knows", swap('Authority="GS1"', "Authority='DUNS'")),
    ("H05", "another kind of document", swap(">Events<", ">Orders<")),
    ("H12", "no guideline version", drop(
        "    <gs1ushc:guidelineVersion>GS1 US DSCSA R1.3</gs1ushc:guidelineVersion>\n")),
    ("H13", "a namespace with a slash too many", swap(
        "http://epcis.gs1us.org/hc/ns", "http://epcis.gs1us.org/hc/ns/")),
    ("M04", "a type code of R1.2", swap("US_FDA_NDC", "FDA_NDC_11", times=9)),
    ("M04", "NDCs of eleven digits", swap(">55555-678-90<", ">55555067890<", swap(
        "US_FDA_NDC", "FDA_NDC_11", times=9), times=9)),
    ("M11", "a state in lower case", swap(">DE<", ">de<")),
    ("I07", "a package named twice", in_event(
        UNITS, "<epc>urn:epc:id:sgtin:0355555.067890.U1</epc>",
        "<epc>urn:epc:id:sgtin:0355555.067890.U1</epc>" * 2)),
    ("I10", "a read point in bare digits", in_event(
        SHIP, "<id>urn:epc:id:sgln:0355555.00002.0", "<id>0355555000020")),
    ("T01", "a local time without zone", in_event(SHIP, "14:30:00Z", "09:30:00")),
    ("T08", "events in disorder", with_event(
        events(RIGHT)[UNITS], after=LOAD, text=without_event(UNITS))),
    ("V03", "no disposition", in_event(SHIP, DISPOSITION, "")),
    ("V06", "shipping with a business location", in_event(
        SHIP, "</readPoint>", "</readPoint>\n        <bizLocation>"
        "<id>urn:epc:id:sgln:0355555.00002.0</id></bizLocation>")),
    ("L03", "an expiry with an hour", swap("2035-10-31</cbvmda", "2035-10-31T00:00:00Z</cbvmda")),
    ("L04", "lot in the old namespace", in_event(
        UNITS, "<cbvmda:lotNumber>L77</cbvmda:lotNumber>",
        "<gs1ushc:lotNumber>L77</gs1ushc:lotNumber>")),
]  # fmt: skip


def mended(text):
    return mend(text.encode(), QUESTION)


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, _, text in MENDED], ids=[one[1] for one in MENDED]
)
def test_a_safe_mistake_is_mended_and_the_copy_checks_clean(rule, text):
    assert checked(text) != []
    copy = mended(text)
    assert [change.rule for change in copy.changes] == [rule] * len(copy.changes) != []
    assert checked(copy.data.decode()) == list(copy.left) == []


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, _, text in MENDED], ids=[one[1] for one in MENDED]
)
def test_every_line_that_no_change_names_stays_as_it_was(rule, text):
    copy = mended(text)
    before, after = text.splitlines(), copy.data.decode().splitlines()
    if rule == "T08":  # events move whole
        assert sorted(before) == sorted(after)
        return
    gone = [line for line in difflib.ndiff(before, after) if line.startswith("- ")]
    assert len(gone) <= 2 * len(copy.changes)


def test_what_only_the_sender_knows_is_left_and_told():
    text = in_event(UNITS, "            <cbvmda:lotNumber>L77</cbvmda:lotNumber>\n", "", swap(
        "FDCA Sec. 581(27)(A)-(G)", "all laws", drop(DROP_SHIPMENT)))  # fmt: skip
    copy = mended(text)
    assert copy.changes == ()
    assert copy.data == text.encode()
    assert {finding.code for finding in copy.left} >= {
        RULES[rule].code for rule in ("L01", "H10", "S12")
    }


@pytest.mark.parametrize("story", range(len(MISTAKES)), ids=[one[1] for one in MISTAKES])
def test_no_mistake_of_any_kind_is_made_worse(story):
    text = MISTAKES[story][2]
    copy = mended(text)
    before = [finding.code for finding in checked(text)]
    after = [finding.code for finding in checked(copy.data.decode())]
    assert sorted(after) == sorted(finding.code for finding in copy.left)
    assert len(after) <= len(before)
    assert (copy.data == text.encode()) == (copy.changes == ())


@given(
    mistakes=st.lists(st.sampled_from([2, 3, 4, 7, 14]), min_size=1, max_size=4, unique=True),
)
def test_several_mistakes_at_once_are_mended_together(mistakes):
    swaps = {
        2: (">Events<", ">Orders<"),
        3: ("    <gs1ushc:guidelineVersion>GS1 US DSCSA R1.3</gs1ushc:guidelineVersion>\n", ""),
        4: ('Authority="GS1"', 'Authority="DUNS"'),
        7: (">DE<", ">de<"),
        14: ("2035-10-31</cbvmda", "2035-10-31T00:00:00Z</cbvmda"),
    }
    text = RIGHT
    for one in mistakes:
        text = swap(*swaps[one], text=text)
    copy = mended(text)
    assert copy.left == ()
    assert len({change.rule for change in copy.changes}) == len(mistakes)
    right = RIGHT if 3 not in mistakes else copy.data.decode()
    assert etree.canonicalize(copy.data.decode()) == etree.canonicalize(right)


def test_a_file_that_cannot_be_mended_in_place_is_said_to_be():
    with pytest.raises(NotMendable, match="UTF-8"):
        mend(RIGHT.encode("utf-16"), QUESTION)
    with pytest.raises(NotMendable, match="entities"):
        XmlFile.read(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    with pytest.raises(NotMendable, match="UTF-8"):
        XmlFile.read(RIGHT.encode("utf-16"))


def in_json(text):
    out = io.BytesIO()
    convert(text.encode(), out, Syntax.JSON_LD)
    return out.getvalue()


JSON_RIGHT = json.loads(in_json(RIGHT))
RULES_IN_JSON = {"H04", "H05", "H12", "I07", "L03", "M04", "M11", "V03", "V06", "T08"}


def test_what_is_mended_in_xml_is_mended_in_json_to_the_same_document():
    mended_rules = set()
    for rule, name, text in MENDED:
        wrong = in_json(text) if rule in RULES_IN_JSON else b""
        if not wrong or json.loads(wrong) == JSON_RIGHT:
            continue  # what is wrong there has no like in JSON
        copy = mend(wrong, QUESTION)
        assert copy.left == (), name
        assert {change.rule for change in copy.changes} == {rule}, name
        mended_rules.add(rule)
        in_xml = json.loads(in_json(mended(text).data.decode()))
        assert json.loads(copy.data) == in_xml, name
    assert mended_rules == RULES_IN_JSON


U1 = b'"urn:epc:id:sgtin:0355555.067890.U1"'
LOCAL = b'"2026-02-20T09:30:00'


@pytest.mark.parametrize(("rule", "right", "wrong", "corrected"), [
    ("L03", b'"2035-10-31"', b'"2035-10-31T00:00:00Z"', b'"2035-10-31"'),
    ("I07", b"[" + U1, b"[ " + U1 + b",\n\t" + U1, b"[ " + U1),
    ("T01", b'"2026-02-20T14:30:00Z"', LOCAL + b'"', LOCAL + b'-05:00"'),
    ("L04", b'"cbvmda:lotNumber"', b'"gs1ushc:lotNumber"', b'"cbvmda:lotNumber"'),
    ("I10", b'{"id":"urn:epc:id:sgln:0355555.00002.0"}', b'{"id":"0355555000020"}',
     b'{"id":"urn:epc:id:sgln:0355555.00002.0"}'),
    ("H14", b'"epcisHeader":{', b'"epcisHeader":{"gs1ushc:dropShipment":"false",',
     b'"epcisHeader":{'),
    ("H13", b"epcis.gs1us.org/hc/ns", b"epcis.gs1us.org/hc/ns/v1", b"epcis.gs1us.org/hc/ns"),
])  # fmt: skip
def test_a_json_copy_differs_in_the_listed_changes_alone(rule, right, wrong, corrected):
    whole = in_json(RIGHT)
    assert right in whole
    copy = mend(whole.replace(right, wrong, 1), QUESTION)
    assert {one.rule for one in copy.changes} == {rule}
    assert copy.left == ()
    assert copy.data == whole.replace(right, corrected, 1)


def test_a_packed_file_comes_out_plain_and_right():
    wrong = gzip.compress(swap(">Events<", ">Orders<").encode())
    copy = mend(wrong, QUESTION)
    assert copy.data.decode() == RIGHT


def test_the_command_writes_the_copy_and_lists_the_changes(tmp_path):
    wrong, right = tmp_path / "wrong.xml", tmp_path / "right.xml"
    wrong.write_text(swap(">Events<", ">Orders<"), encoding="utf-8")
    arguments = [str(wrong), "--profile", "dscsa-r1.3", "--now", "2026-02-21", "--fix", str(right)]
    ended = CliRunner().invoke(command_line(), ["check", *arguments, "--json"])
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["findings"] == []
    assert [change["rule"] for change in told["changes"]] == ["H05"]
    assert right.read_text(encoding="utf-8") == RIGHT
    assert check_file(right.read_bytes(), "dscsa-r1.3", now=NOW) == []


def test_the_copy_never_takes_the_place_of_the_file(tmp_path):
    wrong = tmp_path / "wrong.xml"
    wrong.write_text(RIGHT, encoding="utf-8")
    ended = CliRunner().invoke(command_line(), ["check", str(wrong), "--fix", str(wrong)])
    assert ended.exit_code == 2
    assert wrong.read_text(encoding="utf-8") == RIGHT
