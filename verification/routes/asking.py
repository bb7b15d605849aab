"""How the ordinary routes ask: through the same rounds as the counter, in the same one act."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from epcis.http_context import caller_of, store_of
from epcis.problem import Problem
from verification.answering.answers import OperationWanted
from verification.answering.autocommit_read import autocommit_read
from verification.decision.restrictions import current_restrictions
from verification.fmd.perform import Answer
from verification.routes.counter import counter_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from verification.decision.restrictions import Restrictions
    from verification.fmd.operation import PackRequest

BACKGROUND_MAX = 8
"""Bulks worked off at once; more wait for their results to be asked for."""


async def ask(request: Request, wanted: PackRequest) -> Answer:
    """Perform one operation for the caller of a request."""
    caller = caller_of(request)
    if caller.is_anonymous:
        raise Problem(
            401,
            "Authentication required",
            "send a bearer token",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if "verify" not in caller.scopes:
        raise Problem(403, "Not allowed", f"{caller.name} does not have the scope 'verify'")
    told = await counter_of(request.app.state).ask(OperationWanted(wanted, caller))
    return cast("Answer", told)


def stops_of(request: Request) -> Restrictions:
    """The stops as of now."""
    with autocommit_read(store_of(request)) as snapshot:
        return current_restrictions(snapshot)


def in_background(request: Request, work: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  # passed on
    """Do work on a thread beside the requests; at most `BACKGROUND_MAX` at a time.

    What does not start here is not lost: its results are polled for, and each poll tries again.
    """
    state = request.app.state
    running: dict[Any, asyncio.Task[None]] = getattr(state, "verification_work", {})
    state.verification_work = running
    key = (work, arguments[1])
    if key in running or len(running) >= BACKGROUND_MAX:
        return
    task = asyncio.create_task(asyncio.to_thread(work, *arguments))
    running[key] = task
    task.add_done_callback(lambda _: running.pop(key, None))
