"""What a scan of an act names: the quick reading of a plain pack says what the full one says."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1.content_rules import check_digit
from verification.acts.scans import scanned_thing

TODAY = date(2026, 6, 1)
SERIAL = "0123456789ABCXYZabcxyz"
gtins = st.one_of(
    st.from_regex(r"[0-9]{13}", fullmatch=True).map(lambda body: body + check_digit(body)),
    st.from_regex(r"[0-9]{14}", fullmatch=True),
)
serials = st.text(SERIAL, min_size=1, max_size=21)


@given(gtins, serials)
def test_a_plain_pack_is_read_as_any_other_code(gtin, serial):
    """By the host of another resolver it takes the full way."""
    path = f"/01/{gtin}/21/{serial}"
    quick = scanned_thing(f"https://id.gs1.org{path}", TODAY)
    full = scanned_thing(f"https://example.com{path}", TODAY)
    assert (quick.key, quick.refusal, quick.lot, quick.expiry) == (
        full.key, full.refusal, full.lot, full.expiry
    )  # fmt: skip
    assert scanned_thing(path, TODAY).key == full.key


@pytest.mark.parametrize("tail", ["?17=270531&10=L1", "/10/L1", "?linkType=x", "%2F", "-1", "\n"])
def test_what_has_more_is_read_in_full(tail):
    read = scanned_thing("https://id.gs1.org/01/09521321000018/21/A1" + tail, TODAY)
    assert read.refusal or read.key.startswith("/01/09521321000018/21/A1")
    if "17=" in tail:
        assert (read.lot, read.expiry) == ("L1", date(2027, 5, 31))
