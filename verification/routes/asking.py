"""How the ordinary routes ask: in the same batches as the hot routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.autocommit_read import autocommit_read
from epcis.http_context import caller_of, store_of
from verification.alerts.guessing import guessed_too_often
from verification.context import verification_context_of
from verification.decision.restrictions import current_restrictions
from verification.fmd.perform import OperationAnswer
from verification.messages.wanted import OperationWanted
from verification.registry.rights import need_act

if TYPE_CHECKING:
    from starlette.requests import Request

    from verification.decision.act import PackRequest
    from verification.decision.restrictions import Restrictions


async def ask(request: Request, wanted: PackRequest) -> OperationAnswer:
    """Perform one operation for the caller of a request."""
    caller = caller_of(request)
    need_act(caller, wanted.operation)
    given = await verification_context_of(request).answering.ask(OperationWanted(wanted, caller))
    if not isinstance(given, OperationAnswer):
        raise guessed_too_often()
    return given


def stops_of(request: Request) -> Restrictions:
    """The stops as of now."""
    with autocommit_read(store_of(request)) as snapshot:
        return current_restrictions(snapshot)
