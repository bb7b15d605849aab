"""Identifiers in the form a reader asks for, and never a guessed one."""

from __future__ import annotations

from epcis.codec.options import EpcFormat, WriteOptions
from epcis.codec.words import Words

LINK = "https://id.gs1.org/01/09521321001015/21/A1"


def words(*prefixes: str) -> Words:
    return Words(WriteOptions(epc_format=EpcFormat.URN, company_prefixes=prefixes))


def test_a_link_becomes_a_urn_where_the_published_table_knows_the_prefix() -> None:
    # 9521321 stands in GS1's table of prefix lengths with seven digits.
    assert words().epc(LINK) == "urn:epc:id:sgtin:9521321.000101.A1"


def test_a_link_of_an_unknown_company_stays_and_is_told() -> None:
    unknown = "https://id.gs1.org/01/09529990000018/21/A1"
    asked = words()
    assert asked.epc(unknown) == unknown
    assert [finding.code for finding in asked.findings] == ["epc.not-translated"]


def test_an_operators_word_or_a_urn_of_the_company_settles_it() -> None:
    unknown = "https://id.gs1.org/01/09529990000018/21/A1"
    told = "urn:epc:id:sgtin:95299900.00001.A1"
    assert words("95299900").epc(unknown) == told
    learned = words()
    learned.epc("urn:epc:id:sgtin:95299900.00002.B7")
    assert learned.epc(unknown) == told


def test_what_is_a_urn_already_stays_as_it_is() -> None:
    assert words().epc("urn:epc:id:sscc:9521321.1123456789") == "urn:epc:id:sscc:9521321.1123456789"
