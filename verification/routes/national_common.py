"""What the desks of the national system share: their bodies, and who stands before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec

from epcis.http_context import Caller
from epcis.problem import Problem
from verification.context import verification_settings_of
from verification.decision.act import ParticipantRole, Who
from verification.decision.restrictions import current_restrictions
from verification.registry.participants import who_is

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from starlette.routing import Route

    from epcis.database.transactions import Snapshot
    from verification.fmd.perform import OperationAnswer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NationalInterface:
    """One family of national interfaces: how its clients ask, and how it spells an answer."""

    name: str
    """One word, as in its module `national_{name}`."""
    title: str
    about: str
    """One sentence for the reference page."""
    path: str
    """What its addresses begin with."""
    acts: tuple[tuple[str, str], ...]
    """How a client asks for each act: its words, and the act."""
    code_of: Callable[[OperationAnswer], str]
    """The code that tells a client of the family what came of its request."""
    routes: tuple[Route, ...]
    has_own_logins: bool = False
    """Whether a request may bring credentials of the family's own in place of a key."""


NOT_REGISTERED = "this client is not registered as a participant: ask the operator of the system"


async def body_of(request: Request, size_bytes_max: int) -> bytes:
    """The body of a request; raises `Problem` 413 as soon as it is longer."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in request.stream():
        size_bytes += len(part)
        if size_bytes > size_bytes_max:
            raise Problem(413, "Too large", f"at most {size_bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)


async def body_as(request: Request, kind: type[T]) -> T:
    """The JSON body of a request; raises `Problem` 400 or 413."""
    body = await body_of(request, verification_settings_of(request).bulk_bytes_max)
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "Request not understood", str(error)) from None


def converted(value: dict[str, object], kind: type[T]) -> T:
    """A JSON object as a value of ours; raises `Problem` 400."""
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        raise Problem(400, "Request not understood", str(error)) from None


def who_stands(snapshot: Snapshot, request: Request, caller: Caller) -> Who:
    """The participant behind a caller, an unregistered one too."""
    return who_is(current_restrictions(snapshot), caller, verification_settings_of(request))


def participant_of(snapshot: Snapshot, request: Request, caller: Caller) -> Who:
    """The registered participant behind a caller; raises `Problem` 403 where there is none."""
    stops = current_restrictions(snapshot)
    who = who_is(stops, caller, verification_settings_of(request))
    if caller.name not in stops.participants or who.role is ParticipantRole.UNREGISTERED:
        raise Problem(403, "Not registered", NOT_REGISTERED)
    return who
