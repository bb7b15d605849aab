"""The law as data: versioned, signed rule packs that say who may do what to a pack, and when.

A pack of a country names the pack it extends and holds only what differs. Merged, it is written
down canonically and named by the SHA-256 of those bytes; every decision keeps that name, and the
bytes are kept too, so that an old decision can be taken again and must come out the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
from enum import StrEnum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from schemas.json_value import text_of
from verification.decision.act import MatrixRow, PackAct, ParticipantRole
from verification.decision.words import PackState  # noqa: TC001  # msgspec reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from schemas.json_value import JsonObject

DEFAULT = "EU-2016/161"
EXTENDS_MAX = 4
"""How many packs may stand on top of each other."""
RULES = files("verification.decision") / "rules"
"""The rule packs that ship with Packtrail."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Ruling(StrEnum):
    """What the transition matrix says about one state and one wish."""

    OK = "ok"
    NOOP = "noop"
    """Already active: answered, never alerted."""
    UNDO = "undo"
    """Allowed under the undo predicate of Art. 13."""
    UNLOCK = "unlock"
    REPEAT = "repeat"
    """Tolerated up to the pack's limit, then as `SAME`."""
    SAME = "same"
    IMPOSSIBLE = "impossible"
    MARK = "mark"
    """Keeps the state and marks the pack besides."""
    BLOCKED = "blocked"
    """Product, lot or expiry forbids it: answered, never alerted (Art. 36(b))."""
    FINAL = "final"
    """No way back from this state."""


class AlertRule(StrEnum):
    """When a result raises an alert."""

    ALWAYS = "always"
    INTERMARKET = "intermarket"
    NEVER = "never"


class Undo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The undo predicate of Art. 13."""

    window_h: int
    same_location: bool
    same_authorisation: bool


class Unlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What releasing a lock needs."""

    same_location: bool


class DoubleSupply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many repeated supplies at the same premises are answered without an alert."""

    repeats_max: int
    window_h: int


class RulePack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One merged rule pack."""

    id: str
    version: str
    effective: str
    sources: tuple[str, ...]
    undo: Undo
    unlock: Unlock
    double_supply: DoubleSupply
    late_after_s: int
    """A request this much older than its arrival is a late replay (Art. 29)."""
    bulk_items_max: int
    serial_space_min: int
    """How many serials must be possible for each one issued (Art. 4(c))."""
    roles: dict[str, frozenset[ParticipantRole]]
    """Who may ask for each operation, and for `status`, the query without alert."""
    alerts: dict[str, AlertRule]
    matrix: dict[MatrixRow, dict[PackState, Ruling]]
    extends: str | None = None
    offline_h_max: int = 336
    """How long ago an act may have been done that was kept while the line was down (Art. 29)."""

    def ruling(self, standing: MatrixRow, wish: PackState) -> Ruling:
        """What the matrix says.

        >>> shipped().ruling(MatrixRow.DESTROYED, PackState.ACTIVE)
        <Ruling.FINAL: 'final'>
        """
        return self.matrix[standing][wish]

    def allows(self, role: ParticipantRole, operation: PackAct, *, alerting: bool = True) -> bool:
        """Whether a role may ask for an operation at all.

        >>> shipped().allows(ParticipantRole.NCA, PackAct.VERIFY, alerting=False)
        True
        """
        name = operation.value if alerting or operation is not PackAct.VERIFY else "status"
        return role in self.roles.get(name, frozenset())

    def alerts_on(self, result: str, *, intermarket: bool) -> bool:
        """Whether a result raises an alert."""
        rule = self.alerts.get(result, AlertRule.NEVER)
        return rule is AlertRule.ALWAYS or (rule is AlertRule.INTERMARKET and intermarket)

    @cached_property
    def title(self) -> str:
        """Id and version, as answers name it."""
        return f"{self.id} {self.version}"

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes that name this pack."""
        return msgspec.json.encode(self, order="deterministic")

    @cached_property
    def sha256(self) -> str:
        """The name that decisions keep."""
        return hashlib.sha256(self.content).hexdigest()


class RulePackRefusedError(Exception):
    """A rule pack is not signed by a trusted key, or not complete."""


def parse(content: bytes) -> RulePack:
    """A rule pack from its canonical bytes, as a decision's record names them."""
    return msgspec.json.decode(content, type=RulePack)


@lru_cache(maxsize=32)
def shipped(name: str = DEFAULT) -> RulePack:
    """A rule pack that comes with Packtrail: `EU-2016/161` or a country's, as `EU-2016/161-FI`.

    Raises `RulePackRefusedError` where the files were altered since they were signed.

    >>> shipped("EU-2016/161-FI").double_supply.repeats_max
    3
    """
    return load(name, reader(RULES), *release_keys())


@lru_cache(maxsize=32)
def of_operator(name: str, folder: Path | None, keys: tuple[Path, ...]) -> RulePack:
    """A rule pack of a site's own folder, signed by one of its keys, else a shipped one.

    A site's pack may extend a shipped one; whatever the folder lacks is looked for there. A key of
    the site counts for its own files only, and the release's key for both.
    """
    if folder is None:
        return shipped(name)
    own = reader(folder)
    trusted = tuple(_pem(key) for key in keys) + release_keys()

    def read(pack: str) -> tuple[bytes, bytes]:
        if not folder.joinpath(f"{_stem(pack)}.json").exists():
            content, signature = reader(RULES)(pack)
            _check_signature(pack, content, signature, release_keys())
            return content, signature
        return own(pack)

    return load(name, read, *trusted)


def reader(folder: Path | Traversable) -> Callable[[str], tuple[bytes, bytes]]:
    """What gives the content and the signature of a rule pack in a folder, by the pack's name."""

    def read(pack: str) -> tuple[bytes, bytes]:
        try:
            content = folder.joinpath(f"{_stem(pack)}.json").read_bytes()
        except OSError:
            raise RulePackRefusedError(f"there is no rule pack {pack}") from None
        try:
            return content, folder.joinpath(f"{_stem(pack)}.sig").read_bytes()
        except OSError:
            raise RulePackRefusedError(f"rule pack {pack} has no signature beside it") from None

    return read


def release_keys() -> tuple[bytes, ...]:
    """The public halves of the keys that releases of Packtrail are signed with, PEM."""
    return (RULES.joinpath("release.pub.pem").read_bytes(),)


def _stem(pack: str) -> str:
    stem = pack.replace("/", "-")
    if not _NAME.fullmatch(stem):
        raise RulePackRefusedError(f"{pack[:60]!r} is no name of a rule pack")
    return stem


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise RulePackRefusedError(f"key for rule packs {path}: {fault.strerror}") from None


def load(name: str, read: Callable[[str], tuple[bytes, bytes]], *trusted_pem: bytes) -> RulePack:
    """A rule pack by name; `read(name)` gives the content and the signature of one file.

    Raises `RulePackRefusedError` where a file is signed by none of the trusted keys.
    """
    merged: JsonObject = {}
    wanted: str | None = name
    for _ in range(EXTENDS_MAX):
        if wanted is None:
            break
        content, signature = read(wanted)
        _check_signature(wanted, content, signature, trusted_pem)
        try:
            layer: JsonObject = msgspec.json.decode(content, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise RulePackRefusedError(f"{wanted} is not a rule pack: {error}") from None
        wanted = text_of(layer.get("extends"))
        merged = _over(layer, merged)
    if wanted is not None:
        raise RulePackRefusedError(f"{name} extends more than {EXTENDS_MAX} packs")
    try:
        return msgspec.convert(merged, type=RulePack)
    except msgspec.ValidationError as error:
        raise RulePackRefusedError(f"{name} is not a rule pack: {error}") from None


def sign(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """The signature file of a rule pack: Ed25519 over its bytes, base64."""
    return base64.b64encode(key.sign(content)) + b"\n"


def _check_signature(
    name: str, content: bytes, signature: bytes, trusted_pem: tuple[bytes, ...]
) -> None:
    for pem in trusted_pem:
        key = _public_key(pem)
        try:
            key.verify(base64.b64decode(signature), content)
        except (InvalidSignature, ValueError):
            continue
        return
    raise RulePackRefusedError(
        f"rule pack {name} is not signed by a trusted key, or was altered since: install Packtrail"
        " again, or sign your own pack anew"
    )


def _public_key(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise RulePackRefusedError("a key for rule packs must be an Ed25519 public key, PEM")
    return key


def _over(base: JsonObject, top: JsonObject) -> JsonObject:
    """`base` with everything that `top` says laid over it, tables merged key by key."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = _over(below, value)
        else:
            merged[key] = value
    return merged
