"""Numbers that an act takes: the printed ones of a grant, and an SSCC for a new case."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from epcis.problem import Problem
from verification.acts.request import SCANS_MAX, ScannedThing
from verification.registry.history import pack_key
from verification.serials.grant import GrantWanted, grant_serials, need_grant, serials_between
from verification.serials.pool import need_pool
from verification.serials.report import LineReport, printed_numbers, report_serials
from verification.serials.template import SerialsRefused

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction


def of_grant(snapshot: Snapshot, grant_id: str) -> tuple[list[ScannedThing], int]:
    """The printed numbers of a grant as if each was scanned, and how many wait for another act.

    Raises `Problem` 409 where none is left.
    """
    try:
        numbers = printed_numbers(snapshot, grant_id)
        pool = need_pool(snapshot, need_grant(snapshot, grant_id).pool)
    except SerialsRefused as refused:
        raise Problem(409, "No such grant", str(refused)) from None
    if not numbers:
        what = f"no printed number of {grant_id} is left: report what is printed, or ask for more"
        raise Problem(409, "Nothing to commission", what)
    keys = [f"/00/{one}" if pool.is_sscc else pack_key(pool.code, one) for one in numbers]
    now = [ScannedThing(key, key) for key in keys[:SCANS_MAX]]
    return now, len(keys) - len(now)


def issue_sscc(tx: Transaction, source: str, *, client_id: str, by: str) -> str:
    """The key of a new case, numbered from a pool; the same act always gets the same number.

    Raises `Problem` 409 where the pool has none.
    """
    digest = hashlib.sha256(f"{by}\n{client_id}".encode()).hexdigest()
    try:
        wanted = GrantWanted(source=source, count=1, request_id=f"act {digest}", line=by[:100])
        grant = grant_serials(tx, wanted, by=by)
        pool = need_pool(tx, grant.pool)
        report_serials(tx, grant.id, LineReport(printed=1), by=by)
    except SerialsRefused as refused:
        raise Problem(409, "No SSCC", str(refused)) from None
    if not pool.is_sscc:
        what = f"{source[:40]} numbers packs, no cases: give a pool of SSCCs"
        raise Problem(409, "No SSCC", what)
    return "/00/" + serials_between(tx, pool, grant.first, grant.after)[0]
