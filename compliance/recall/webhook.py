"""Send the notices of recalls to webhooks of holders, whose programs then hold the goods."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import orjson

from epcis.subscribe.delivery import delivery_client, post_checked, signature
from epcis.subscribe.destination import BadDestination, Destination

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.recall.answers import RecallContact, RecallNotice
    from compliance.recall.record import RecallRecord
    from epcis.subscribe.delivery import DeliveryAnswer


class HookRefused(Exception):  # noqa: N818  # a refusal, shown beside the notice
    """A webhook did not take a notice; the text says why."""


class NoticeHooks(NamedTuple):
    """How webhooks of holders are called."""

    private_allowed: bool = False
    """Whether they may be on private and loopback addresses."""

    def send(self, contact: RecallContact, body: bytes, now: datetime) -> None:
        """POST one notice; raises HookRefused.

        With a token the header `GS1-Signature` signs time and body, as for subscriptions.
        """
        headers = {"Content-Type": "application/json"}
        if contact.token:
            headers["GS1-Signature"] = signature(contact.token, body, now)
        try:
            there = Destination.parse(contact.webhook)
        except BadDestination as fault:
            raise HookRefused(str(fault)) from None
        answer = asyncio.run(self._post(there, body, headers))
        if not answer.is_taken:
            raise HookRefused(f"{there.host}: {answer.reason}")

    async def _post(
        self, there: Destination, body: bytes, headers: dict[str, str]
    ) -> DeliveryAnswer:
        async with delivery_client() as client:
            return await post_checked(
                client, there, body, headers, private_allowed=self.private_allowed
            )


def notice_body(
    about: RecallRecord, notice: RecallNotice, link: str, due: datetime, *, is_reminder: bool
) -> bytes:
    """A notice as JSON: what the e-mail says, by name (21 CFR 7.49(c))."""
    content = {
        "message": "recall reminder" if is_reminder else "recall notice",
        "recall": about.id,
        "notice": notice.id,
        "gln": notice.gln,
        "scope": about.scope.as_dict(),
        "class": about.recall_class or None,
        "depth": about.depth or None,
        "drill": about.is_drill,
        "reason": about.reason,
        "facts": about.facts,
        "packs": notice.packs,
        "answerBy": due.isoformat(),
        "answerAt": link,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
