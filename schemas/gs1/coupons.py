"""North American coupon codes: the paper coupon of AI 8110 and the digital one of AI 8112.

A coupon is a row of digits; a digit before each field gives its length (the VLI).
Standard: GS1 US North American Coupon Application Guideline Using GS1 DataBar.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_is_digits = re.compile(r"[0-9]*").fullmatch
_is_date = re.compile(
    r"(?:\d\d(?:(?:0[13578]|1[02])(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)(?:0[1-9]|[12]\d|30)"
    r"|02(?:0[1-9]|1\d|2[0-8]))|(?:[02468][048]|[13579][26])0229)"
).fullmatch
_REQUIREMENT_CODES: Final = "012349"
_SAVE_CODES: Final = "01256"
_OWN_PREFIX: Final = "9"
"""Length digit that means: use the company prefix of the coupon's owner."""


class _CouponFaultError(Exception):
    """The code of the first fault of a coupon."""


class _Digits:
    """A coupon's digits, taken from the left."""

    def __init__(self, value: str, known: Callable[[str], bool | None] | None) -> None:
        self._rest = value
        self._known = known

    def ended(self) -> bool:
        return not self._rest

    def starts(self, field: str) -> bool:
        """Consume the number of the optional field if it comes next."""
        if not self._rest.startswith(field):
            return False
        self._rest = self._rest[1:]
        return True

    def take(self, count: int, fault: str) -> str:
        if len(self._rest) < count:
            raise _CouponFaultError(fault)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def one_of(self, allowed: str, name: str) -> str:
        digit = self.take(1, f"coupon_missing_{name}")
        if digit not in allowed:
            raise _CouponFaultError(f"coupon_invalid_{name}")
        return digit

    def sized(self, name: str, allowed: str, extra: int = 0) -> str:
        """A field whose preceding digit gives its length minus `extra`."""
        digit = self.take(1, f"coupon_missing_{name}_vli")
        if digit not in allowed:
            raise _CouponFaultError(f"coupon_invalid_{name}_length")
        return self.take(int(digit) + extra, f"coupon_truncated_{name}")

    def company_prefix(self, name: str, *, optional: bool = False) -> None:
        if optional and self.starts(_OWN_PREFIX):
            return
        prefix = self.sized(name, "0123456", 6)
        answer = self._known(prefix) if self._known else True
        if answer is None:
            raise _CouponFaultError("gcp_datasource_offline")
        if not answer:
            raise _CouponFaultError("invalid_gcp_prefix")


def coupon_code(value: str, known: Callable[[str], bool | None] | None = None) -> str | None:
    """The code of what is wrong with the data of AI 8110, or None.

    >>> coupon_code("10614141011111275110111")
    >>> coupon_code("1061414101111127511011")
    'coupon_truncated_1st_purchase_family_code'
    """
    if not _is_digits(value):
        return "non_digit_character"
    try:
        _read_paper(_Digits(value, known))
    except _CouponFaultError as fault:
        return str(fault)
    return None


def coupon_offer(value: str, known: Callable[[str], bool | None] | None = None) -> str | None:
    """The code of what is wrong with the data of AI 8112, or None.

    >>> coupon_offer("001234561234560123456")
    >>> coupon_offer("301234561234560123456")
    'coupon_invalid_format_code'
    """
    if not _is_digits(value):
        return "non_digit_character"
    digits = _Digits(value, known)
    try:
        digits.one_of("01", "format_code")
        digits.company_prefix("funder")
        digits.take(6, "coupon_truncated_offer_code")
        digits.sized("serial_number", "0123456789", 6)
        _finish(digits)
    except _CouponFaultError as fault:
        return str(fault)
    return None


def _read_paper(digits: _Digits) -> None:
    digits.company_prefix("gcp")
    digits.take(6, "coupon_truncated_offer_code")
    digits.sized("save_value", "12345")
    _read_requirement(digits, "1st")
    if digits.starts("1"):
        digits.one_of("0123", "additional_purchase_rules_code")
        _read_requirement(digits, "2nd")
        digits.company_prefix("2nd_purchase_gcp", optional=True)
    if digits.starts("2"):
        _read_requirement(digits, "3rd")
        digits.company_prefix("3rd_purchase_gcp", optional=True)
    if digits.starts("3"):
        # The published GS1 tests use this spelling of the fault's name.
        _read_date(digits, "expiration", "coupon_invalid_exipiration_date")
    if digits.starts("4"):
        _read_date(digits, "start", "coupon_invalid_start_date")
    if digits.starts("5"):
        digits.sized("serial_number", "0123456789", 6)
    if digits.starts("6"):
        digits.sized("retailer_gcp_or_gln", "1234567", 6)
    if digits.starts("9"):
        digits.one_of(_SAVE_CODES, "save_value_code")
        digits.one_of("012", "save_value_applies_to_item")
        digits.take(1, "coupon_missing_store_coupon_flag")
        digits.one_of("01", "dont_multiply_flag")
    _finish(digits)


def _read_requirement(digits: _Digits, which: str) -> None:
    digits.sized(f"{which}_purchase_requirement", "12345")
    digits.one_of(_REQUIREMENT_CODES, f"{which}_purchase_requirement_code")
    digits.take(3, f"coupon_truncated_{which}_purchase_family_code")


def _read_date(digits: _Digits, which: str, fault: str) -> None:
    if not _is_date(digits.take(6, f"coupon_too_short_for_{which}_date")):
        raise _CouponFaultError(fault)


def _finish(digits: _Digits) -> None:
    if not digits.ended():
        raise _CouponFaultError("coupon_excess_data")
