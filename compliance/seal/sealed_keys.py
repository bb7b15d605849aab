"""Keys in the database, sealed with a secret of the operator's: all servers on it share them.

Each file of the folder (`compliance.seal.key_folder`) is a row, encrypted with AES-256-GCM under a
key that scrypt makes from the secret and a salt. The name of a row is bound to its content, so that
none can stand in for another. A copy of the database signs nothing without the secret.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select

from compliance.seal.key_folder import REGISTER, KeysInFolder
from compliance.seal.seal_tables import sealed_key
from compliance.seal.signer import SealRefused
from epcis.database.many_writers import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from compliance.seal.key_folder import KeyPlace
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

SECRET_CHARACTERS_MIN: Final = 16
_KEY_BYTES, _NONCE_BYTES, _SALT_BYTES = 32, 12, 16
_SCRYPT_COST: Final = 2**15
_SALT: Final = "salt"
"""The one row that is not sealed."""
_WHERE: Final = "the database"


@dataclass(frozen=True, slots=True)
class _RowsOf:
    """The rows of one snapshot or transaction, with the key that opens them."""

    snapshot: Snapshot
    key: bytes

    @property
    def where(self) -> str:
        return _WHERE

    def has(self, name: str) -> bool:
        return _sealed(self.snapshot, name) is not None

    def read(self, name: str) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        sealed = _sealed(self.snapshot, name)
        if sealed is None:
            raise FileNotFoundError(f"no {name} among the keys in {_WHERE}")
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, content, name.encode())
        except InvalidTag:
            raise SealRefused(
                f"the keys in {_WHERE} were sealed with another secret, or {name} was changed:"
                " set PACKTRAIL_KEY_SECRET as on the server that made them"
            ) from None


@dataclass(frozen=True, slots=True)
class _ChangingRows(_RowsOf):
    """The rows of a transaction, which may be written."""

    tx: Transaction

    def write(self, name: str, content: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        _put(self.tx, name, nonce + AESGCM(self.key).encrypt(nonce, content, name.encode()))

    def once(self, name: str, content: bytes) -> bytes:
        if not self.has(name):
            self.write(name, content)
        return self.read(name)

    def make(self, fill: Callable[[KeyPlace], None]) -> None:
        if not self.has(REGISTER):
            fill(self)

    @contextmanager
    def changing(self) -> Iterator[KeyPlace]:
        yield self


@dataclass(frozen=True, slots=True)
class SealedKeys:
    """The place of keys in a database; open it with `SealedKeys.open`."""

    store: Store
    clock: Clock
    key: bytes
    """32 bytes, made from the secret."""

    def __repr__(self) -> str:
        return "SealedKeys(…)"

    @classmethod
    def open(cls, store: Store, secret: str, clock: Clock) -> SealedKeys:
        """The place in a database with its tables. Raises SealRefused for a secret too short."""
        if len(secret) < SECRET_CHARACTERS_MIN:
            raise SealRefused(
                f"the secret that seals the keys has fewer than {SECRET_CHARACTERS_MIN} characters;"
                " make one, for example with openssl rand -base64 32"
            )
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        with store.read() as snapshot:
            salt = _sealed(snapshot, _SALT)
        if salt is None:
            salt = _new_salt(store, clock)
        stretched = Scrypt(salt=salt, length=_KEY_BYTES, n=_SCRYPT_COST, r=8, p=1)
        return cls(store, clock, stretched.derive(secret.encode()))

    @property
    def where(self) -> str:
        """The place in words."""
        return _WHERE

    def take_over(self, folder: Path) -> None:
        """Take the keys of a folder over, where there are none here yet; the folder stays."""
        files = KeysInFolder(folder)
        if self.has(REGISTER) or not files.has(REGISTER):
            return

        def fill(place: KeyPlace) -> None:
            for path in sorted(folder.iterdir()):
                is_key = path.suffix in (".key", ".pem", ".der") or path.name == REGISTER
                if is_key and not path.name.startswith("."):
                    place.write(path.name, files.read(path.name))

        self.make(fill)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        with self.store.read() as snapshot:
            return _RowsOf(snapshot, self.key).has(name)

    def read(self, name: str) -> bytes:
        """A file."""
        with self.store.read() as snapshot:
            return _RowsOf(snapshot, self.key).read(name)

    def write(self, name: str, content: bytes) -> None:
        """Replace a file."""
        with self.changing() as place:
            place.write(name, content)

    def once(self, name: str, content: bytes) -> bytes:
        """The file of this name, which is `content` unless another server wrote it before."""
        if self.has(name):
            return self.read(name)
        with self.changing() as place:
            return place.once(name, content)

    def make(self, fill: Callable[[KeyPlace], None]) -> None:
        """Make the first files in one transaction, unless another server just did."""
        with self.changing() as place:
            place.make(fill)

    @contextmanager
    def changing(self) -> Iterator[KeyPlace]:
        """The place in one transaction, while no other server changes a key."""
        with self.store.write(self.clock()) as tx:
            one_at_a_time(tx, "keys")
            yield _ChangingRows(tx, self.key, tx)


def _new_salt(store: Store, clock: Clock) -> bytes:
    with store.write(clock()) as tx:
        one_at_a_time(tx, "keys")
        salt = _sealed(tx, _SALT)
        if salt is None:
            salt = secrets.token_bytes(_SALT_BYTES)
            _put(tx, _SALT, salt)
        return salt


def _sealed(snapshot: Snapshot, name: str) -> bytes | None:
    found = snapshot.connection.scalar(select(sealed_key.c.sealed).where(sealed_key.c.name == name))
    return None if found is None else bytes(found)


def _put(tx: Transaction, name: str, sealed: bytes) -> None:
    tx.connection.execute(delete(sealed_key).where(sealed_key.c.name == name))
    row = {"name": name, "sealed": sealed, "changed": tx.now}
    tx.connection.execute(insert(sealed_key).values(row))
