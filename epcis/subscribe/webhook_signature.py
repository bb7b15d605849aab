"""Signatures of webhooks by Standard Webhooks 1.0: any of its libraries checks them.

The receiver computes HMAC-SHA256 over `id.timestamp.body` with the key that both know, compares it
with the header `webhook-signature`, and refuses a `webhook-timestamp` that is minutes old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

KEY_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = range(24, 65)


def fault_of_key(text: str) -> str:
    """What is wrong with a key; empty where nothing is.

    >>> fault_of_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), bool(fault_of_key("secret"))
    ('', True)
    """
    try:
        is_key = len(_key_of(text)) in _KEY_BYTES
    except (binascii.Error, ValueError):
        is_key = False
    if text.startswith(KEY_PREFIX) and is_key:
        return ""
    return f"is no key of Standard Webhooks: {KEY_PREFIX} and 24 to 64 bytes as base64"


def _key_of(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(KEY_PREFIX), validate=True)


def standard_headers(
    key: str, message_id: str, at: datetime, body: Iterable[bytes]
) -> dict[str, str]:
    """The three headers of a signed webhook; the id is the same each time a message is sent.

    >>> from datetime import UTC, datetime
    >>> key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> at = datetime.fromtimestamp(1614265330, UTC)
    >>> made = standard_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, [b'{"test": 2432232314}'])
    >>> made["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    moment = str(int(at.timestamp()))
    made = hmac.new(_key_of(key), f"{message_id}.{moment}.".encode(), hashlib.sha256)
    for piece in body:
        made.update(piece)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{base64.b64encode(made.digest()).decode()}",
    }
