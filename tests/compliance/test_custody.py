"""The custody line as a picture."""

from __future__ import annotations

from lxml import etree

from compliance.reports.custody_line import STOPS_SHOWN_MAX, Stop, custody_svg


def test_names_are_shown_as_text_whatever_they_contain() -> None:
    drawn = custody_svg([Stop("<script>&", "2026-01-01"), Stop("Ph\u00e4rm", "2026-01-02")])
    tree = etree.fromstring(drawn)
    assert "".join(tree.itertext()).count("<script>&") == 1
    assert len(tree.findall("{*}circle")) == 2


def test_a_long_line_says_how_many_holders_it_leaves_out() -> None:
    stops = [Stop(f"holder {n}", "") for n in range(30)]
    drawn = custody_svg(stops)
    assert drawn.count("<circle") == STOPS_SHOWN_MAX
    assert "23 more" in drawn
    assert "holder 0" in drawn
    assert "holder 29" in drawn
