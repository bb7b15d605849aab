"""How far the connection to a partner is: each step, what is wrong with it, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epcis.exchange.certificates import CertificateOwner, certificates_of
from epcis.exchange.kinds import KINDS
from epcis.exchange.mailbox import Direction, MessageState, list_messages, list_refusals
from epcis.exchange.trial import TRIAL

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.exchange.channel import Channel

DONE, MISSING, WAITS, FAILED = "done", "missing", "waiting", "failed"


@dataclass(frozen=True, slots=True)
class ConnectStep:
    """One step of a connection, and how far it is."""

    title: str
    state: str
    """`done`, `missing`, `waiting` or `failed`."""
    what: str = ""
    """What was found, and what to do."""

    @property
    def is_waiting(self) -> bool:
        """Whether it changes by itself."""
        return self.state == WAITS

    @property
    def look(self) -> str:
        """The colour of its card."""
        return {DONE: "ok", FAILED: "stop", MISSING: "check"}.get(self.state, "unknown")

    def as_dict(self) -> dict[str, object]:
        """What the API and the command line show."""
        return {"step": self.title, "state": self.state, "what": self.what}


def connect_steps(snapshot: Snapshot, channel: Channel, now: datetime) -> list[ConnectStep]:
    """What a connection needs before it works, in the order in which people do it."""
    steps = [ConnectStep("Settings", DONE, f"a channel of kind {channel.kind}")]
    if KINDS[channel.kind].has_keys:
        steps += [_of_certificates(snapshot, channel, owner, now) for owner in CertificateOwner]
    steps.append(_of_trial(snapshot, channel))
    turned_away = list_refusals(snapshot, channel=channel.name)
    if turned_away:
        steps.append(ConnectStep("Turned away", FAILED, turned_away[0].what))
    arrived = list_messages(snapshot, channel=channel.name, direction=Direction.IN, rows_max=1)
    if arrived:
        steps.append(ConnectStep("From the partner", DONE, f"the newest is {arrived[0].state}"))
    elif not turned_away:
        steps.append(
            ConnectStep("From the partner", MISSING, "nothing has come yet: ask for a test message")
        )
    return steps


def _of_certificates(
    snapshot: Snapshot, channel: Channel, owner: CertificateOwner, now: datetime
) -> ConnectStep:
    is_ours = owner is CertificateOwner.OURS
    title = "Our certificate" if is_ours else "The partner's certificate"
    found = certificates_of(snapshot, channel.name, owner)
    if not found:
        what = "make a key of ours" if is_ours else "ask the partner for it and enter it"
        return ConnectStep(title, MISSING, what)
    warning = found[-1].warning(now)
    if warning:
        return ConnectStep(title, MISSING, f"it {warning}")
    what = "send it to the partner" if is_ours else f"valid to {found[-1].valid_to:%Y-%m-%d}"
    return ConnectStep(title, DONE, what)


def _of_trial(snapshot: Snapshot, channel: Channel) -> ConnectStep:
    title = "Test message"
    trials = list_messages(
        snapshot, channel=channel.name, direction=Direction.OUT, id_begins=TRIAL, rows_max=1
    )
    if not trials:
        return ConnectStep(title, MISSING, "send one: it holds no event")
    newest = trials[0]
    if newest.state is MessageState.RECEIPTED:
        note = f"; {newest.reason}" if newest.reason else ""
        return ConnectStep(title, DONE, f"the partner's receipt confirms it{note}")
    if newest.state is MessageState.DELIVERED:
        if newest.next_try is not None:
            return ConnectStep(title, WAITS, "it is there; the partner's receipt comes later")
        return ConnectStep(title, DONE, "the partner's server took it")
    if newest.reason:
        return ConnectStep(title, FAILED, newest.reason)
    return ConnectStep(title, WAITS, "it is on its way")
