"""The Merkle tree of RFC 9162 section 2.1, as pure functions over 32-byte hashes.

A *node* is a hash over a complete subtree: `node(level, index)` covers the leaves from
`index << level` to `(index + 1) << level`. Every proof is made from complete nodes, which a
`NodeSource` supplies from a list, tiles in a database, or a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TypeAlias

NodeSource: TypeAlias = Callable[[int, int], bytes]
"""(level, index) -> hash of that complete subtree."""

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


class ProofRefused(ValueError):  # noqa: N818  # a verdict about the proof
    """A proof does not show what it claims; the message says why."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one log entry, RFC 9162 section 2.1.1.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'
    """
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node, RFC 9162 section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def split_point(size: int) -> int:
    """The largest power of two below `size`: where RFC 9162 divides a tree of two or more leaves.

    >>> [split_point(n) for n in (2, 3, 4, 5, 8, 9)]
    [1, 2, 2, 4, 4, 8]
    """
    return 1 << (size - 1).bit_length() - 1


class Frontier:
    """The right edge of a growing tree: the O(log n) hashes that appending and the root need.

    >>> tree = Frontier()
    >>> for entry in (b"a", b"b", b"c"):
    ...     tree.append(leaf_hash(entry))
    >>> tree.size, len(tree.hashes), tree == Frontier(3, tree.hashes)
    (3, 2, True)
    """

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} edge hashes")

    @classmethod
    def of(cls, size: int, node: NodeSource) -> Frontier:
        """The frontier of the first `size` leaves of a tree whose nodes can be read."""
        return cls(size, (node(level, index) for level, index in edge(size)))

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry = self.size
        while carry & 1:
            leaf = sha256(b"\x01" + self.hashes.pop() + leaf).digest()
            carry >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> list[list[bytes]]:
        """Add leaf hashes; returns the nodes completed by them, by level: the leaves first.

        >>> tree = Frontier()
        >>> [len(made) for made in tree.extend([EMPTY_ROOT] * 7)], tree.size, len(tree.hashes)
        ([7, 3, 1], 7, 3)
        """
        made = [row := list(leaves)]
        size, edges = self.size, []
        self.size += len(row)
        while row or size:
            if size & 1:
                row = [self.hashes.pop(), *row]
            if len(row) & 1:
                edges.append(row[-1])
            # A row of odd length ends with a hash at the edge, which has no pair yet.
            pairs = zip(row[::2], row[1::2], strict=False)
            row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            if row:
                made.append(row)
            size >>= 1
        self.hashes = edges[::-1]
        return made

    def root(self) -> bytes:
        """The root of the present tree, RFC 9162 section 2.1.1."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frontier):
            return NotImplemented
        return self.size == other.size and self.hashes == other.hashes

    __hash__ = None  # type: ignore[assignment]  # a frontier grows, so it must not be a key


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, in one pass."""
    tree = Frontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()


def edge(size: int) -> Iterator[tuple[int, int]]:
    """(level, index) of the complete subtrees that make up the first `size` leaves, from the left.

    >>> list(edge(6))
    [(2, 0), (1, 2)]
    """
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, start >> level
            start += 1 << level


def nodes_of(leaves: Sequence[bytes]) -> NodeSource:
    """A node source over leaf hashes held in memory; for small trees and for tests."""

    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def range_hash(start: int, end: int, node: NodeSource) -> bytes:
    """The hash of the subtree over leaves `start` to `end` as RFC 9162 cuts it.

    `start` is a multiple of the subtree's rounded-up size, as it always is inside a proof.
    """
    width = end - start
    level = width.bit_length() - 1
    if width == 1 << level:
        return node(level, start >> level)
    middle = start + split_point(width)
    return node_hash(range_hash(start, middle, node), range_hash(middle, end, node))


def inclusion_proof(index: int, size: int, node: NodeSource) -> list[bytes]:
    """The audit path of leaf `index` in the tree of the first `size` leaves, RFC 9162 2.1.3.1.

    Raises IndexError where the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise IndexError(f"the tree of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start = middle
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an audit path leads to, RFC 9162 section 2.1.3.2; compare it with a known one.

    Raises ProofRefused where the path cannot belong to this index and size.
    """
    if not 0 <= index < size:
        raise ProofRefused(f"the tree of {size} entries has no entry {index}")
    position, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofRefused("the proof is too short")
    return root


def consistency_proof(old: int, new: int, node: NodeSource) -> list[bytes]:
    """The proof that the first `old` of `new` leaves are unchanged, RFC 9162 section 2.1.4.1.

    Raises IndexError where `old` is greater than `new`. An empty old tree, and a tree
    with itself, need no hashes.
    """
    if not 0 <= old <= new:
        raise IndexError(f"a tree of {new} entries cannot follow one of {old}")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + split_point(end - start)
        if old <= middle:
            proof.append(range_hash(middle, end, node))
            end = middle
        else:
            proof.append(range_hash(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(range_hash(start, end, node))
    proof.reverse()
    return proof


def check_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Whether the tree of `new` entries continues the one of `old`, RFC 9162 section 2.1.4.2.

    Raises ProofRefused where it does not.
    """
    if not 0 <= old <= new:
        raise ProofRefused(f"a tree of {new} entries cannot follow one of {old}")
    if old in (0, new):
        _check_trivial(old, old_root, new, new_root, proof)
        return
    hashes = list(proof)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    before, after = _roots_from_consistency(old, new, hashes)
    if before != old_root:
        raise ProofRefused("the proof does not lead to the earlier root")
    if after != new_root:
        raise ProofRefused("the proof does not lead to the later root")


def _roots_from_consistency(old: int, new: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    if not hashes:
        raise ProofRefused("the proof is too short")
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    before = after = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofRefused("the proof is too long")
        if position & 1 or position == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            after = node_hash(after, sibling)
        position >>= 1
        last >>= 1
    if last:
        raise ProofRefused("the proof is too short")
    return before, after


def _check_trivial(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    if proof:
        raise ProofRefused("the proof is too long")
    if old == 0 and old_root != EMPTY_ROOT:
        raise ProofRefused("an empty tree has another root")
    if old == new and old_root != new_root:
        raise ProofRefused("two trees of one size have different roots: the log was forked")


def multi_proof(indices: Iterable[int], size: int, node: NodeSource) -> Iterator[bytes]:
    """The fewest hashes that, with the leaves at `indices`, give the root; in depth-first order.

    `indices` ascend without repeats. Streams: holds one path of the tree.
    """
    ahead = _Ahead(indices)

    def walk(start: int, end: int) -> Iterator[bytes]:
        if ahead.value is None or ahead.value >= end:
            yield range_hash(start, end, node)
        elif end - start == 1:
            ahead.advance()
        else:
            middle = start + split_point(end - start)
            yield from walk(start, middle)
            yield from walk(middle, end)

    if size:
        yield from walk(0, size)
    if ahead.value is not None:
        raise IndexError(f"the tree of {size} entries has no entry {ahead.value}")


def root_from_multi_proof(
    leaves: Iterable[tuple[int, bytes]], size: int, proof: Iterable[bytes]
) -> bytes:
    """The root that leaves (index, hash), ascending, and a multi-proof lead to.

    Raises ProofRefused where hashes are missing or left over, or leaves do not ascend. Streams.
    """
    entries = iter(leaves)
    hashes = iter(proof)
    ahead = next(entries, None)

    def walk(start: int, end: int) -> bytes:
        nonlocal ahead
        if ahead is None or ahead[0] >= end:
            sibling = next(hashes, None)
            if sibling is None:
                raise ProofRefused("the proof is too short")
            return sibling
        if ahead[0] < start:
            raise ProofRefused("the entries of the proof do not ascend")
        if end - start == 1:
            leaf = ahead[1]
            ahead = next(entries, None)
            return leaf
        middle = start + split_point(end - start)
        left = walk(start, middle)
        return node_hash(left, walk(middle, end))

    root = walk(0, size) if size else EMPTY_ROOT
    if ahead is not None:
        raise ProofRefused("an entry lies outside the tree, or the entries do not ascend")
    if next(hashes, None) is not None:
        raise ProofRefused("the proof is too long")
    return root


class _Ahead:
    """An ascending iterator whose next value can be peeked at."""

    __slots__ = ("_values", "value")

    def __init__(self, values: Iterable[int]) -> None:
        self._values = iter(values)
        self.value: int | None = next(self._values, None)

    def advance(self) -> None:
        passed = self.value
        self.value = next(self._values, None)
        if passed is not None and self.value is not None and self.value <= passed:
            raise ValueError("the indices of a multi-proof ascend without repeats")
