"""The input fields of all kinds of dossiers, as forms, the API and error texts name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AskedField:
    """An input field of a kind of dossier, with its name in forms and error texts."""

    label: str
    choices: tuple[str, ...] = ()
    """The only words allowed; the first is the default."""
    is_time: bool = False
    is_optional: bool = False


FIELDS: Final = {
    "gtin": AskedField("GTIN"),
    "serial": AskedField("Serial"),
    "lot": AskedField("Lot"),
    "sscc": AskedField("SSCC"),
    "transaction": AskedField("Transaction"),
    "id": AskedField("Id"),
    "from": AskedField("From", is_time=True),
    "to": AskedField("To", is_time=True),
    "by": AskedField(
        "Counted by (record time proves that nothing is missing)",
        choices=("event time", "record time"),
    ),
    "who": AskedField("Who", is_optional=True),
    "purpose": AskedField("Purpose", choices=("39(a)", "39(b)", "39(c)")),
}
"""Every field, by its name in `as_dict` and in the API."""
