"""What things and places are called, as the partners' master data says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from epcis.store.tables import master_data, master_data_attribute

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.store.database import View

_MDA = "urn:epcglobal:cbv:mda#"
_PRODUCT_NAMES = (
    "regulatedProductName",
    "descriptionShort",
    "tradeItemDescription",
    "labelDescription",
)
KEYS_PER_QUERY = 500


def product_name(view: View, gtin: str) -> str | None:
    """The name of a product, with its strength; None where no partner told it."""
    told = _attributes(view, [f"/01/{gtin}"]).get(f"/01/{gtin}", {})
    name = next((told[key] for key in _PRODUCT_NAMES if key in told), None)
    strength = told.get("strengthDescription")
    return f"{name} {strength}" if name and strength and strength not in name else name


def place_names(view: View, keys: Iterable[str]) -> dict[str, str]:
    """The names of places and parties, by canonical key; those nobody named are left out."""
    wanted = sorted({key for key in keys if key})
    named: dict[str, str] = {}
    for start in range(0, len(wanted), KEYS_PER_QUERY):
        for key, told in _attributes(view, wanted[start : start + KEYS_PER_QUERY]).items():
            if "name" in told:
                named[key] = told["name"]
    return named


def _attributes(view: View, keys: list[str]) -> dict[str, dict[str, str]]:
    """The attributes told of each key, without their namespace."""
    about, told = master_data.c, master_data_attribute.c
    rows = view.connection.execute(
        select(about.key, told.name, told.value)
        .join(master_data_attribute, and_(told.type == about.type, told.id == about.id))
        .where(about.key.in_(keys))
        .order_by(about.told, told.position)
    )
    found: dict[str, dict[str, str]] = {}
    for key, name, value in rows:
        found.setdefault(key, {})[name.removeprefix(_MDA)] = value
    return found
