"""What of the exchange with partners waits for a person: stuck messages, ending certificates."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from epcis.exchange.certificates import every_certificate
from epcis.exchange.channel import list_channels
from epcis.exchange.mailbox import MessageState, counts_by_state
from epcis.exchange.outbound import held_messages

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.exchange.certificates import ChannelCertificate

STUCK = (MessageState.DEAD, MessageState.SET_ASIDE)
"""States that only a person ends."""


class ExchangeHealth(NamedTuple):
    """The figures of one moment, of the channels in use."""

    messages: Counter[str]
    """By state."""
    ending: list[ChannelCertificate]
    """Certificates that have ended or end soon, the first to end first."""
    held: int = 0
    """Messages of rules that are held back, because a check found errors in them."""

    @property
    def stuck(self) -> int:
        """Messages that wait for a person: given up, set aside, or held back."""
        return sum(self.messages[state.value] for state in STUCK) + self.held


def exchange_health(snapshot: Snapshot, now: datetime) -> ExchangeHealth:
    """Read the figures."""
    names = [one.name for one in list_channels(snapshot)]
    messages: Counter[str] = Counter()
    for (channel, state), count in counts_by_state(snapshot).items():
        if channel in names:
            messages[state] += count
    ending = [
        one for name in names for one in every_certificate(snapshot, name) if one.warning(now)
    ]
    ending.sort(key=lambda one: (one.valid_to, one.sha256))
    return ExchangeHealth(messages, ending, held_messages(snapshot))
