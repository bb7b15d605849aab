"""A shipment of four packages in two cases on a pallet, and every mistake a partner makes in it.

The file `docs/examples/shipment.xml` is right. Each mistake below is one that partners really
make; the check must name it, say where, and not be distracted from it.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from mistakes import (
    CASE,
    FILL_1,
    FILL_2,
    LATER,
    LOAD,
    MISTAKES,
    NOW,
    RIGHT,
    SHIP,
    SSCC,
    UNITS,
    UNPACK,
    checked,
    copied,
    events,
    in_event,
    quantities,
    swap,
    with_event,
)

from compliance.rules import item_histories, shipped_file
from compliance.rules.catalogue import RULES, GuidelineRelease, RuleNeed
from compliance.rules.file import FileQuestion, check_file, examine
from epcis.codec.document import Syntax, convert
from schemas.finding import Severity, is_acceptable


def test_the_right_file_is_right():
    assert checked(RIGHT) == []


def test_the_same_file_of_r1_2_only_lacks_what_r1_2_writes():
    text = (
        RIGHT.replace("R1.3", "R1.2")
        .replace("US_FDA_NDC", "FDA_NDC_11")
        .replace("55555-678-90", "55555067890")
    )
    assert checked(text, GuidelineRelease.R1_2) == []


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, _, text in MISTAKES], ids=[m[1] for m in MISTAKES]
)
def test_a_mistake_is_found(rule, text):
    found = [finding for finding in checked(text) if finding.code == RULES[rule].code]
    assert found, sorted({finding.code for finding in checked(text)})
    for finding in found:
        assert finding.what
        assert finding.hint
        if rule not in ("D09", "V09"):
            assert finding.where.path
            assert finding.where.line


@pytest.mark.parametrize("syntax", [Syntax.XML_2_0, Syntax.JSON_LD])
def test_a_file_in_another_syntax_is_judged_alike(syntax):
    def converted(text):
        out = io.BytesIO()
        convert(text.encode(), out, syntax)
        return check_file(out.getvalue(), "dscsa-r1.3", now=NOW)

    assert converted(RIGHT) == []
    for rule, story, text in MISTAKES:
        if rule != "T01":  # what is converted gets its zone written
            assert RULES[rule].code in {finding.code for finding in converted(text)}, story


def test_every_rule_of_the_catalogue_has_its_mistake():
    of_the_file = {rule.id for rule in RULES.values() if rule.needs is RuleNeed.FILE}
    # What is left out is no mistake of a file; it has its own story below.
    assert of_the_file - {"P09"} == {rule for rule, _, _ in MISTAKES}


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (FileQuestion("dscsa-returns", now=NOW), "profile dscsa-returns"),
        (FileQuestion("dscsa-r1.3", now=NOW, weights={"H08": None}), "settings for this partner"),
    ],
)
def test_what_a_profile_or_a_partner_leaves_out_is_counted(question, why):
    text = next(text for rule, _, text in MISTAKES if rule == "H08")
    by_code = {one.code: one for one in examine(text.encode(), question).findings}
    assert RULES["H08"].code not in by_code
    counted = by_code[RULES["P09"].code]
    assert re.fullmatch(rf"\d+ findings of rule H\d\d are not listed: {why}", counted.what)
    assert counted.severity is Severity.INFO


def test_a_partner_may_make_a_rule_heavier():
    text = next(text for rule, _, text in MISTAKES if rule == "H08")
    question = FileQuestion("dscsa-r1.3", now=NOW, weights={"H08": Severity.CRITICAL})
    (found,) = [one for one in examine(text.encode(), question).findings
                if one.code == RULES["H08"].code]  # fmt: skip
    assert found.severity is Severity.CRITICAL


def test_mistakes_that_break_a_duty_make_the_file_unacceptable():
    heavy = (Severity.ERROR, Severity.CRITICAL)
    lenient = {"nothing commissioned"}
    for rule, story, text in MISTAKES:
        if RULES[rule].severity in heavy and story not in lenient:
            assert not is_acceptable(checked(text)), story


def test_the_shipment_published_by_gs1_us_has_no_errors(shared):
    data = (shared / "epcis/examples/dscsa/gs1-us-r1.3-direct-purchase.xml").read_bytes()
    assert check_file(data, "dscsa-r1.3") == []


def test_a_minimal_shipment_has_no_errors(shared):
    data = (shared / "epcis/examples/dscsa/minimal-r1.3-shipment.xml").read_bytes()
    findings = check_file(data, "dscsa-r1.3")
    assert is_acceptable(findings)
    assert {finding.code for finding in findings} == {RULES["M10"].code}


def test_a_case_that_a_partner_unpacks_and_repacks_is_no_mistake():
    repacked = copied(FILL_1, ("12:10:00", "12:25:00"))
    text = with_event(UNPACK + repacked, after=FILL_2)
    assert checked(text) == []


def test_a_return_that_came_back_may_be_shipped_again():
    back = copied(
        SHIP,
        ("bizstep:shipping", "bizstep:receiving"),
        ("disp:in_transit", "disp:in_progress"),
        ("2026-02-20T14:30", "2026-02-20T14:35"),
    )
    back = re.sub(r" *<(gs1ushc:dropShipment|extension|bizTransactionList)>.*?</\1>\n", "", back,
                  flags=re.DOTALL)  # fmt: skip
    codes = {finding.code for finding in checked(with_event(back + copied(SHIP, LATER)))}
    assert RULES["S17"].code not in codes


FIELD_CASES = [
    ("a01", "H15"), ("a04", "I06"), ("a18", "G13"), ("a34", "H10"), ("a64", "L03"), ("a67", "S25"),
    ("a77", "T04"), ("a88", "M07"), ("b01", "S14"),
]  # fmt: skip
SENT = datetime(2026, 11, 21, tzinfo=UTC)
"""The day after the files of the field were sent."""


@pytest.mark.parametrize(("file", "rule"), FIELD_CASES, ids=[case[0] for case in FIELD_CASES])
def test_a_file_that_was_let_pass_in_the_field_is_named_by_its_rule(shared, file, rule):
    (path,) = (shared / "field-cases/dscsa").glob(f"{file}-*.xml")
    codes = {finding.code for finding in check_file(path.read_bytes(), "dscsa-r1.3", now=SENT)}
    assert codes == {RULES[rule].code}


@pytest.mark.parametrize(
    "story",
    [
        swap("Sec. 581(27)(A)-(G).", "Section 581(27)(A)\u2013(G)"),
        swap("2035-10-31</cbvmda", "2035-10-31Z</cbvmda"),
        in_event(FILL_1, "      </AggregationEvent>\n", "        <extension>\n" + quantities(
            "childQuantityList", "urn:epc:idpat:sgtin:0355555.067890.*", "2.0")
            + "        </extension>\n      </AggregationEvent>\n"),
        in_event(SHIP, "14:30:00Z", "09:30:00-05:00"),
        swap("sgln:0366666.00001.0</sbdh", "sgln:0366666.00002.0</sbdh"),
    ],
    ids=["a notice set otherwise", "a day with a zone", "a count that is right", "a local time",
         "a file for the depot that gets the goods"],
)  # fmt: skip
def test_what_is_only_written_otherwise_is_no_mistake(story):
    assert checked(story) == []


def made_at(time):
    """Codes of the right file whose packages were commissioned at that time; it is made 20 Nov."""
    text = in_event(UNITS, line_of_time(UNITS), f"<eventTime>{time}</eventTime>")
    return {finding.code for finding in checked(text)}


def line_of_time(which):
    return re.search(r"<eventTime>[^<]*</eventTime>", events(RIGHT)[which]).group()


def test_an_event_is_old_from_the_second_after_365_days():
    created = re.search(r'creationDate="([^"]*)"', RIGHT).group(1)
    limit = datetime.fromisoformat(created) - timedelta(days=365)
    old = RULES["T03"].code
    assert old not in made_at(limit.isoformat())
    assert old in made_at((limit - timedelta(seconds=1)).isoformat())


def test_a_package_told_twice_in_the_same_case_is_not_in_two():
    again = copied(FILL_1, ("12:10:00", "12:25:00"))
    codes = {finding.code for finding in checked(with_event(again, after=FILL_1))}
    assert RULES["G04"].code not in codes


def chain(levels):
    """Containers within each other, from the outside in: the worst order to follow."""
    sscc = "urn:epc:id:sscc:0355555.1{:09d}".format
    for level in range(levels):
        yield copied(
            LOAD,
            (f"<epc>{CASE}</epc>", f"<epc>{sscc(level + 1)}</epc>"),
            ("          <epc>urn:epc:id:sgtin:0355555.167890.C2</epc>\n", ""),
            (SSCC, sscc(level)),
        )


def test_a_chain_of_thousands_of_containers_ends_in_bounded_time():
    found = checked(with_event("".join(chain(3000)), after=LOAD))
    assert RULES["G08"].code in {finding.code for finding in found}


def test_a_pallet_shipped_over_and_over_ends_in_bounded_time(monkeypatch):
    monkeypatch.setattr(item_histories, "VISITS_MAX", 20)
    found = checked(with_event(copied(SHIP, LATER) * 10))
    assert found[-1].code == "dscsa.followed-in-part"


def test_only_so_many_objects_are_followed(monkeypatch):
    monkeypatch.setattr(shipped_file, "EPCS_MAX", 8)
    codes = {finding.code for finding in checked(RIGHT)}
    assert "dscsa.followed-in-part" in codes
    assert RULES["G09"].code not in codes


def test_a_serial_may_hold_full_stops():
    assert checked(RIGHT.replace("067890.U1", "067890.U.1")) == []


def test_digital_links_are_at_home_in_2_0_and_not_in_1_2():
    link = "<id>https://id.gs1.org/414/0355555000020"
    text = in_event(SHIP, "<id>urn:epc:id:sgln:0355555.00002.0", link)
    assert [finding.code for finding in checked(text)] == [RULES["I10"].code]
    out = io.BytesIO()
    convert(text.encode(), out, Syntax.JSON_LD)
    assert check_file(out.getvalue(), "dscsa-r1.3", now=NOW) == []


def test_a_profile_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="dscsa-r9"):
        check_file(b"", "dscsa-r9")
