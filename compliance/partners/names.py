"""Names of products: from the partners' master data, else from the upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from epcis.lot_facts import local_name
from epcis.store.event_tables import master_data, master_data_attribute
from verification.registry.pack_tables import product

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot

_PRODUCT_NAMES = (
    "regulatedProductName",
    "descriptionShort",
    "tradeItemDescription",
    "labelDescription",
)


def product_name(snapshot: Snapshot, gtin: str) -> str | None:
    """The name of a product, with its strength; None where it is unknown."""
    attributes = _attributes(snapshot, f"/01/{gtin}")
    name = next(
        (attributes[key] for key in _PRODUCT_NAMES if key in attributes), None
    ) or _uploaded(snapshot, gtin)
    strength = attributes.get("strengthDescription")
    return f"{name} {strength}" if name and strength and strength not in name else name


def _uploaded(snapshot: Snapshot, gtin: str) -> str | None:
    found = select(product.c.name).where(product.c.code == gtin)
    return snapshot.connection.execute(found).scalar() or None


def product_attributes(snapshot: Snapshot, gtin: str) -> dict[str, str]:
    """A product's attributes in partners' master data, by the last word of the attribute's name."""
    return _attributes(snapshot, f"/01/{gtin}")


def party_name(snapshot: Snapshot, gln: str) -> str:
    """The name of a company or place in partners' master data; empty where it is unknown."""
    return _attributes(snapshot, f"/414/{gln}").get("name", "")


def _attributes(snapshot: Snapshot, key: str) -> dict[str, str]:
    """The attributes of a key, without their namespace; the latest value wins."""
    about, vocabulary = master_data.c, master_data_attribute.c
    rows = snapshot.connection.execute(
        select(vocabulary.name, vocabulary.value)
        .select_from(master_data)
        .join(master_data_attribute, and_(vocabulary.type == about.type, vocabulary.id == about.id))
        .where(about.key == key)
        .order_by(about.stated_at, vocabulary.position)
    )
    return {local_name(name): value for name, value in rows}
