"""Sign the rule packs that ship with Packtrail.

Run with the release's Ed25519 private key (PEM) as only argument. Without an argument a new key is
made, its public half replaces the shipped one, and the private half is printed once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from verification.fmd.rulepack import sign

RULES = Path(__file__).resolve().parent.parent / "verification" / "fmd" / "rules"


def main() -> None:
    """Write one signature file beside each rule pack."""
    if len(sys.argv) > 1:
        key = load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey), "rule packs are signed with Ed25519"
    else:
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        print(pem.decode())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (RULES / "release.pub.pem").write_bytes(public)
    for path in sorted(RULES.glob("*.json")):
        path.with_suffix(".sig").write_bytes(sign(path.read_bytes(), key))


if __name__ == "__main__":
    main()
