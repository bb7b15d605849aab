"""Scans that are acts in the warehouse: one pack, case or pallet, received or taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.acts import do_act
from compliance.service.scan_mode import ROW_OF
from schemas.gs1.digital_link import write
from verification.acts.perform import ActContext
from verification.acts.request import ActRequest
from verification.decision.words import Word

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.service.scan_mode import ScanMode
    from epcis.http_context import Caller
    from epcis.ledger.store import Store
    from schemas.gs1.reading import Reading
    from verification.settings import VerificationSettings

_OF_A_SCAN = ("00", "01", "10", "17", "21")
"""What an act reads of a code."""
_SAME_SCAN_S = 60
"""Within this time of the clock the same thing in the same mode is the same scan."""


class ScannedAct(NamedTuple):
    """What became of one scan."""

    word: Word
    reason: str
    say: str
    is_done: bool


def names_goods(reading: Reading) -> bool:
    """Whether a code names one pack, case or pallet.

    >>> from schemas.gs1.reading import read
    >>> names_goods(read("(00)095213220000041997")), names_goods(read("(01)09506000134352"))
    (True, False)
    """
    return "00" in reading.elements or bool(reading.gtin and reading.serial)


def act_on(
    store: Store,
    reading: Reading,
    mode: ScanMode,
    *,
    caller: Caller,
    practice: VerificationSettings,
    now: datetime,
) -> ScannedAct:
    """Do the act of a mode on what a code names.

    Raises `Problem` where the caller may not, ValueError for a mode that only acts on packs.
    """
    kind, row = mode.in_warehouse, ROW_OF[mode]
    if kind is None:
        raise ValueError(mode)
    code = write({name: reading.elements[name] for name in _OF_A_SCAN if name in reading.elements})
    turn = int(now.timestamp()) // _SAME_SCAN_S
    asked = ActRequest(kind=kind, client_id=f"scan {turn} {code}"[-100:], scans=(code,))
    answer = do_act(store, asked, ActContext(caller, practice), now)
    pack_answer = answer.packs[0]
    if pack_answer.done:
        say = row.done if pack_answer.verdict is Word.OK else f"{row.done} {pack_answer.say}"
        return ScannedAct(pack_answer.verdict, pack_answer.reason, say, is_done=True)
    word = Word.CHECK if pack_answer.verdict is Word.OK else pack_answer.verdict
    return ScannedAct(word, pack_answer.reason, pack_answer.say, is_done=False)
