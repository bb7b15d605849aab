"""Seals: the keys of this installation and what they sign.

`keys` makes, rotates and revokes them; `signer` defines where a key may be held; `cades` signs
files, `timestamp` stamps the time, `checkpoint` signs the head of the log.
"""

from compliance.seal.keys import Keys
from compliance.seal.signer import SealRefused

__all__ = ["Keys", "SealRefused"]
