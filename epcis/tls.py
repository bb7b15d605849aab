"""Whom outgoing connections trust."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def trusted_authorities() -> ssl.SSLContext:
    """The certificate authorities of `SSL_CERT_FILE` or `SSL_CERT_DIR`, or else Mozilla's list.

    One context for the whole process, since reading the list takes longer than judging a hundred
    packs. A connection with a certificate of its own makes a context of its own.

    >>> trusted_authorities() is trusted_authorities()
    True
    """
    return _read(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _read(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    import httpx  # a command that connects nowhere does without it

    return httpx.create_ssl_context()
