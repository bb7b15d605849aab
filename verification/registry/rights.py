"""Who may do what to whose product: the one place that every act and every list asks.

An act on a pack asks for a scope of its own, because a key that may read must not be able to change
anything. A product belongs to the company that uploaded it; while nobody has, to the company whose
GS1 Company Prefix its GTIN begins with (GS1 General Specifications, section 1.4.2). The operator of
the installation acts for itself and copies what authorities and owners tell it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select

from epcis.http_context import Caller, need_scope
from epcis.problem import Problem
from schemas.gs1.company_prefix import CompanyPrefixes
from verification.decision.act import PackAct
from verification.decision.restrictions import current_restrictions
from verification.registry.pack_tables import product

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.database.transactions import Snapshot
    from verification.decision.act import Who
    from verification.decision.restrictions import Restrictions

SCOPE_OF_ACT = {
    PackAct.VERIFY: "verify",
    PackAct.SUPPLY: "supply",
    PackAct.PARTIAL_SUPPLY: "supply",
    PackAct.UNDO: "supply",
    PackAct.EXPORT: "act",
    PackAct.SAMPLE: "act",
    PackAct.FREE_SAMPLE: "act",
    PackAct.LOCK: "act",
    PackAct.CHECK_OUT: "act",
    PackAct.DESTROY: "destroy",
    PackAct.STOLEN: "destroy",
}
"""The scope that each act on a pack asks for; what cannot be undone asks for `destroy`."""
GLN_KEY = "/414/"
_GLN_DIGITS = 13


@dataclass(frozen=True, slots=True)
class ActingCompany:
    """The company that a caller acts for."""

    is_operator: bool
    """The company that runs this installation."""
    names: frozenset[str] = frozenset()
    """The names its uploads stand under: authorisation, or the canonical key of its GLN."""

    @property
    def glns(self) -> Iterable[str]:
        """The GLN-13 among its names."""
        return (one.removeprefix(GLN_KEY) for one in self.names if one.startswith(GLN_KEY))


def need_act(caller: Caller, act: PackAct) -> None:
    """Raises `Problem` 401 or 403 for a caller who may not do an act on any pack."""
    need_scope(caller, SCOPE_OF_ACT[act])


def company_of(stops: Restrictions, caller: Caller) -> ActingCompany:
    """The company of a caller, by its key and by its entry among the participants.

    A key that names no party is the operator's own, unless it belongs to a registered participant.
    Once there are participants, only an administrator still is the operator: also one who is a
    participant besides, as a company that takes part in its own repository.
    """
    if caller.is_anonymous:
        return ActingCompany(is_operator=False)
    row = stops.participants.get(caller.name)
    is_admin = "admin" in caller.scopes
    if caller.party is None and (row is None or is_admin):
        is_operator = not stops.participants or is_admin
        return ActingCompany(is_operator, frozenset() if is_operator else frozenset({caller.name}))
    names = {caller.party} if caller.party else set()
    if row is not None:
        names |= {row.authorisation or caller.name, row.location}
    return ActingCompany(is_operator=False, names=frozenset(name for name in names if name))


def company_behind(snapshot: Snapshot, caller: Caller) -> ActingCompany:
    """As `company_of`, with the participants of now."""
    return company_of(current_restrictions(snapshot), caller)


def participants_company(who: Who) -> ActingCompany:
    """The company of a participant."""
    named = {who.authorisation, who.location if who.location.startswith(GLN_KEY) else ""}
    return ActingCompany(is_operator=False, names=frozenset(named - {""}))


def owns_product(
    snapshot: Snapshot, company: ActingCompany, code: str, overlay: tuple[str, ...] = ()
) -> bool:
    """Whether a product (GTIN-14 or PPN) is the company's own.

    `overlay` are the operator's GS1 Company Prefixes beside GS1's table.
    """
    if company.is_operator:
        return True
    owner = snapshot.connection.execute(select(product.c.owner).where(product.c.code == code))
    uploaded_by = owner.scalar()
    if uploaded_by is not None:
        return uploaded_by in company.names
    return any(share_prefix(code, gln, overlay) for gln in company.glns)


def is_anothers(snapshot: Snapshot, company: ActingCompany, gtin: str) -> bool:
    """Whether a GTIN that nobody uploaded begins with another participant's company prefix."""
    if any(share_prefix(gtin, gln) for gln in company.glns):
        return False
    rows = current_restrictions(snapshot).participants.values()
    names = {name for row in rows for name in (row.authorisation, row.location)}
    others = ActingCompany(is_operator=False, names=frozenset(names))
    return any(share_prefix(gtin, gln) for gln in others.glns)


def need_product(
    snapshot: Snapshot, caller: Caller, code: str, overlay: tuple[str, ...] = ()
) -> None:
    """Raises `Problem` 403 where a product is not the caller's own.

    It says the same of a product that is another's and of one that is nobody's.
    """
    if not owns_product(snapshot, company_behind(snapshot, caller), code, overlay):
        raise Problem(
            403,
            "Not your product",
            f"{code[:50]} is not a product of your company: its owner or the operator may do this",
            type="epcisException:SecurityException",
        )


def share_prefix(gtin: str, gln: str, overlay: tuple[str, ...] = ()) -> bool:
    """Whether a GTIN-14 and a GLN-13 begin with one GS1 Company Prefix; no where it is not known.

    >>> share_prefix("00355555678908", "0355555000013")
    True
    >>> share_prefix("00355555678908", "0366666000014")
    False
    """
    number = gtin[1:]
    if not (len(gtin) == _GLN_DIGITS + 1 and len(gln) == _GLN_DIGITS):
        return False
    length = _prefixes(overlay).length(number)
    return length is not None and number[:length] == gln[:length]


@lru_cache(maxsize=8)
def _prefixes(overlay: tuple[str, ...]) -> CompanyPrefixes:
    return CompanyPrefixes(overlay)
