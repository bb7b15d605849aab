"""Sign rule packs: those that ship with Packtrail, or a site's own.

`python scripts/sign_rule_packs.py KEY.pem` writes a signature beside each rule pack and the key's
public half as `release.pub.pem`; `--folder DIR` does so in a site's folder. `--new` makes the key
first, in a file that only its owner may read, and refuses to overwrite one. The private key stays
with the maintainers, outside of any repository: docs/how-to/rule-packs.md.
"""

from __future__ import annotations

import argparse
import os
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

from verification.decision.rule_pack import sign

RULES = Path(__file__).resolve().parent.parent / "verification" / "decision" / "rules"
PUBLIC = "release.pub.pem"


def main() -> None:
    """Write one signature file beside each rule pack, and the public key."""
    asked = _arguments()
    if asked.new:
        _make(asked.key)
    key = load_pem_private_key(asked.key.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        sys.exit(f"{asked.key}: rule packs are signed with Ed25519")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (asked.folder / PUBLIC).write_bytes(public)
    for path in sorted(asked.folder.glob("*.json")):
        path.with_suffix(".sig").write_bytes(sign(path.read_bytes(), key))
        print(path.with_suffix(".sig"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sign rule packs with an Ed25519 key.")
    parser.add_argument("key", type=Path, help="the private key, PEM")
    parser.add_argument("--new", action="store_true", help="make the key first")
    parser.add_argument("--folder", type=Path, default=RULES, help="where the rule packs are")
    return parser.parse_args()


def _make(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    # Never readable by others, not even between making and protecting it; never overwritten.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


if __name__ == "__main__":
    main()
