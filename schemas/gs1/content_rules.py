"""The content rules of GS1 data fields: check digits, dates, codes of lists.

Each rule takes a field, or its part of one, and returns the code of what is wrong with it, or
None. Standard: GS1 General Specifications sections 3 and 7.9-7.14.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from schemas.gs1 import code_lists
from schemas.gs1.coupons import coupon_code, coupon_offer

ContentRule: TypeAlias = Callable[[str], str | None]
PrefixKnown: TypeAlias = Callable[[str], bool | None]
"""Whether a number begins with an allocated company prefix; None where that is unknown."""

CSET_82: Final = (
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
)
"""The characters of data fields, in the order of their values (section 7.11)."""
CSET_32: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""The characters of check character pairs (section 7.9.5)."""
IBAN_LENGTH_MIN: Final = 5
IBAN_LENGTH_MAX: Final = 34
COMPANY_PREFIX_LENGTH_MIN: Final = 4
_LAST_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PAIR_MODULUS = 1021
_PRIMES = (
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271, 277, 281, 283, 293, 307,
    311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389, 397, 401, 409, 419, 421,
    431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503, 509,
)  # fmt: skip
_VALUE_OF = {character: value for value, character in enumerate(CSET_82)}

_is_digits = re.compile(r"[0-9]*", re.ASCII).fullmatch
_is_cset_82 = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]*").fullmatch
_is_cset_39 = re.compile(r"[#\-/0-9A-Z]*").fullmatch
_is_cset_64 = re.compile(r"[A-Za-z0-9_\-]*(=*)").fullmatch
_is_percent_encoded = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*").fullmatch
_is_position = re.compile(r"([0-9]+)/([0-9]+)").fullmatch
_is_iban_text = re.compile(r"[0-9A-Z]*").fullmatch


def digits(value: str) -> str | None:
    """Digits 0 to 9 only.

    >>> digits("12A")
    'non_digit_character'
    """
    return None if _is_digits(value) else "non_digit_character"


def cset_82(value: str) -> str | None:
    """Characters of set 82 only (section 7.11, figure 7.11-1)."""
    return None if _is_cset_82(value) else "invalid_cset82_character"


def cset_39(value: str) -> str | None:
    """Characters of set 39 only (section 7.11, figure 7.11-2)."""
    return None if _is_cset_39(value) else "invalid_cset39_character"


def cset_64(value: str) -> str | None:
    """File-safe base64, padded to a multiple of three characters or not at all (figure 7.11-3)."""
    shape = _is_cset_64(value)
    if shape is None:
        return "invalid_cset64_character"
    padding = len(shape[1])
    whole = padding <= 2 and (padding == 0 or len(value) % 3 == 0)
    return None if whole else "invalid_cset64_padding"


def first_stranger(value: str, characters: str) -> int:
    """The position of the first character outside the regex class `characters`; 0 if none."""
    stranger = re.search(f"[^{characters}]", value)
    return stranger.start() if stranger else 0


def check_digit(payload: str) -> str:
    """The check digit that belongs behind a row of digits (section 7.9.1).

    >>> check_digit("629104150021")
    '3'
    """
    reversed_digits = payload.encode()[::-1]
    tripled, plain = reversed_digits[::2], reversed_digits[1::2]
    total = 3 * sum(tripled) + sum(plain) - 48 * (3 * len(tripled) + len(plain))
    return str(-total % 10)


def has_check_digit(number: str) -> bool:
    """Whether the last of some ASCII digits is their check digit.

    >>> has_check_digit("6291041500213"), has_check_digit("6291041500214")
    (True, False)
    """
    figures = number.encode()[::-1]
    plain, tripled = figures[::2], figures[1::2]
    weights = len(plain) + 3 * len(tripled)
    return (sum(plain) + 3 * sum(tripled) - 48 * weights) % 10 == 0


def check_digit_right(value: str) -> str | None:
    """The last digit is the check digit of the others (section 7.9.1)."""
    if not value:
        return "too_short_for_check_digit"
    if not _is_digits(value):
        return "non_digit_character"
    return None if has_check_digit(value) else "incorrect_check_digit"


def check_pair(payload: str) -> str:
    """The two check characters that belong behind a text of character set 82 (section 7.9.5).

    >>> check_pair("1987654Ad4X4bL5ttr2310c")
    '2K'
    """
    weighted = zip(reversed(payload), _PRIMES, strict=False)
    remainder = sum(_VALUE_OF[character] * prime for character, prime in weighted) % _PAIR_MODULUS
    return CSET_32[remainder >> 5] + CSET_32[remainder & 31]


def check_pair_right(value: str) -> str | None:
    """The last two characters are the check pair of the others (section 7.9.5)."""
    payload, pair = value[:-2], value[-2:]
    if len(value) < 2:
        return "too_short_for_check_pair"
    if len(payload) > len(_PRIMES):
        return "too_long_for_check_pair_implementation"
    if not _is_cset_82(payload):
        return "invalid_cset82_character"
    return None if check_pair(payload) == pair else "incorrect_check_pair"


def company_prefix(value: str, known: PrefixKnown | None = None) -> str | None:
    """The number begins with a GS1 Company Prefix: digits, and allocated if `known` is given.

    >>> company_prefix("9506000")
    >>> company_prefix("12A4")
    'invalid_gcp_prefix'
    """
    head = value[:COMPANY_PREFIX_LENGTH_MIN]
    if len(head) < COMPANY_PREFIX_LENGTH_MIN or not _is_digits(head):
        return "invalid_gcp_prefix"
    if known is None:
        return None
    answer = known(value)
    if answer is None:
        return "gcp_datasource_offline"
    return None if answer else "invalid_gcp_prefix"


def company_prefix_second(value: str, known: PrefixKnown | None = None) -> str | None:
    """As `company_prefix`, behind an indicator or extension digit."""
    return company_prefix(value[1:], known)


def _date(value: str, year_digits: int, *, day_may_be_zero: bool) -> str | None:
    size = year_digits + 4
    if len(value) != size:
        return "date_too_short" if len(value) < size else "date_too_long"
    if not _is_digits(value):
        return "non_digit_character"
    year, month, day = int(value[:-4]), int(value[-4:-2]), int(value[-2:])
    if not 1 <= month <= 12:
        return "illegal_month"
    # A two-digit year stands for 1950-2049 or so, where every fourth year is a leap year.
    leap = year % 4 == 0 if year_digits == 2 else calendar.isleap(year)
    last = 29 if month == 2 and leap else _LAST_DAYS[month]
    return None if (0 if day_may_be_zero else 1) <= day <= last else "illegal_day"


def date_yymmd0(value: str) -> str | None:
    """A date as YYMMDD; day 00 stands for the whole month (section 3.4.2)."""
    return _date(value, 2, day_may_be_zero=True)


def date_yymmdd(value: str) -> str | None:
    """A date as YYMMDD, down to the day."""
    return _date(value, 2, day_may_be_zero=False)


def date_yyyymmd0(value: str) -> str | None:
    """A date as YYYYMMDD; day 00 stands for the whole month."""
    return _date(value, 4, day_may_be_zero=True)


def date_yyyymmdd(value: str) -> str | None:
    """A date as YYYYMMDD, down to the day."""
    return _date(value, 4, day_may_be_zero=False)


def _clock(value: str, limit: int, unit: str) -> str | None:
    if len(value) != 2:
        return f"{unit}_too_short" if len(value) < 2 else f"{unit}_too_long"
    if not _is_digits(value):
        return "non_digit_character"
    return None if int(value) < limit else f"illegal_{unit}"


def hour(value: str) -> str | None:
    """An hour, 00 to 23."""
    return _clock(value, 24, "hour")


def minute(value: str) -> str | None:
    """A minute, 00 to 59."""
    return _clock(value, 60, "minute")


def second(value: str) -> str | None:
    """A second, 00 to 59."""
    return _clock(value, 60, "second")


def hour_minute(value: str) -> str | None:
    """A time of day as HHMM."""
    if len(value) != 4:
        length = "short" if len(value) < 4 else "long"
        return f"hour_with_minute_too_{length}"
    return hour(value[:2]) or minute(value[2:])


def iban(value: str) -> str | None:
    """An International Bank Account Number with its check digits (ISO 13616)."""
    if len(value) < IBAN_LENGTH_MIN:
        return "iban_too_short"
    if len(value) > IBAN_LENGTH_MAX:
        return "iban_too_long"
    if not _is_iban_text(value):
        return "invalid_iban_character"
    if value[:2] not in code_lists.COUNTRIES_ALPHA_2 and value[:2] != "XK":
        return "illegal_iban_country_code"
    rotated = value[4:] + value[:4]
    number = int("".join(str(int(character, 36)) for character in rotated))
    return None if number % 97 == 1 else "incorrect_iban_checksum"


def importer_index(value: str) -> str | None:
    """One character of base64url (AI 7040)."""
    if len(value) != 1:
        return "importer_idx_must_be_one_character"
    return None if re.fullmatch(r"[A-Za-z0-9_\-]", value) else "invalid_import_idx_character"


def _coordinate(value: str, name: str, limit: int) -> str | None:
    if len(value) != 10:
        return f"{name}_invalid_length"
    if not _is_digits(value):
        return "non_digit_character"
    return None if int(value) <= limit else f"invalid_{name}"


def latitude(value: str) -> str | None:
    """Degrees north of the south pole times ten million (AI 4309)."""
    return _coordinate(value, "latitude", 1_800_000_000)


def longitude(value: str) -> str | None:
    """Degrees east times ten million (AI 4309)."""
    return _coordinate(value, "longitude", 3_600_000_000)


def not_zero(value: str) -> str | None:
    """A number that is not zero."""
    if not _is_digits(value):
        return "non_digit_character"
    return "illegal_zero_value" if value and not value.strip("0") else None


def no_zero_prefix(value: str) -> str | None:
    """A number without leading zeros."""
    if not _is_digits(value):
        return "non_digit_character"
    return "illegal_zero_prefix" if value.startswith("0") else None


def piece_of_total(value: str) -> str | None:
    """A piece number and a number of pieces, of equal length (AI 8006)."""
    if not _is_digits(value):
        return "non_digit_character"
    if not value or len(value) % 2:
        return "invalid_length_for_piece_of_total"
    piece, total = int(value[: len(value) // 2]), int(value[len(value) // 2 :])
    if piece == 0:
        return "zero_piece_number"
    if total == 0:
        return "zero_total_pieces"
    return None if piece <= total else "piece_number_exceeds_total"


def position_in_sequence(value: str) -> str | None:
    """A position and a last position with a slash between (AI 7258)."""
    parts = _is_position(value)
    if parts is None:
        return "position_in_sequence_malformed"
    position, last = parts.groups()
    if position.startswith("0") or last.startswith("0"):
        return "illegal_zero_prefix"
    return None if int(position) <= int(last) else "position_exceeds_end"


def _one_of(members: frozenset[str], code: str) -> ContentRule:
    return lambda value: None if value in members else code


RULES: Final[dict[str, ContentRule]] = {
    "couponcode": coupon_code,
    "couponposoffer": coupon_offer,
    "cset39": cset_39,
    "cset64": cset_64,
    "cset82": cset_82,
    "csetnumeric": digits,
    "csum": check_digit_right,
    "csumalpha": check_pair_right,
    "gcppos1": company_prefix,
    "gcppos2": company_prefix_second,
    "hasnondigit": lambda v: "requires_non_digit_character" if _is_digits(v) else None,
    "hh": hour,
    "hhmi": hour_minute,
    "hyphen": lambda value: "not_hyphen" if value.strip("-") else None,
    "iban": iban,
    "importeridx": importer_index,
    "iso3166": _one_of(code_lists.COUNTRIES_NUMERIC, "not_iso3166"),
    "iso3166999": _one_of(code_lists.COUNTRIES_NUMERIC | {"999"}, "not_iso3166_or_999"),
    "iso3166alpha2": _one_of(code_lists.COUNTRIES_ALPHA_2, "not_iso3166_alpha2"),
    "iso4217": _one_of(code_lists.CURRENCIES_NUMERIC, "not_iso4217"),
    "iso5218": _one_of(frozenset("0129"), "invalid_biological_sex_code"),
    "latitude": latitude,
    "longitude": longitude,
    "mediatype": _one_of(code_lists.MEDIA_TYPES, "invalid_media_type"),
    "mi": minute,
    "nonzero": not_zero,
    "nozeroprefix": no_zero_prefix,
    "packagetype": _one_of(code_lists.PACKAGE_TYPES, "invalid_package_type"),
    "pcenc": lambda v: None if _is_percent_encoded(v) else "invalid_percent_sequence",
    "pieceoftotal": piece_of_total,
    "posinseqslash": position_in_sequence,
    "ss": second,
    "winding": _one_of(frozenset("019"), "invalid_winding_direction"),
    "yesno": _one_of(frozenset("01"), "not_zero_or_one"),
    "yymmd0": date_yymmd0,
    "yymmdd": date_yymmdd,
    "yyyymmd0": date_yyyymmd0,
    "yyyymmdd": date_yyyymmdd,
    "zero": lambda value: None if value and not value.strip("0") else "not_zero",
}
"""Every content rule under the name it has in the table of Application Identifiers."""
