"""The tree is the one Certificate Transparency uses, and no forged proof gets through."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofRefused,
    check_consistency,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    multi_proof,
    nodes_of,
    root_from_inclusion,
    root_from_multi_proof,
    root_of,
)

CT_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LARGEST = 69


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(n.to_bytes(2, "big")) for n in range(count)]


def test_roots_are_those_of_the_certificate_transparency_vector():
    tree = Frontier()
    assert tree.root() == EMPTY_ROOT
    for entry, root in zip(CT_INPUTS, CT_ROOTS, strict=True):
        tree.append(leaf_hash(bytes.fromhex(entry)))
        assert tree.root().hex() == root


def test_every_inclusion_proof_of_every_tree_up_to_69_leaves_holds():
    for size in range(1, LARGEST + 1):
        entries = leaves(size)
        root, node = root_of(entries), nodes_of(entries)
        for index, leaf in enumerate(entries):
            path = inclusion_proof(index, size, node)
            assert root_from_inclusion(leaf, index, size, path) == root


def test_every_consistency_proof_between_trees_up_to_69_leaves_holds():
    entries = leaves(LARGEST)
    node = nodes_of(entries)
    roots = [root_of(entries[:size]) for size in range(LARGEST + 1)]
    for new in range(LARGEST + 1):
        for old in range(new + 1):
            proof = consistency_proof(old, new, node)
            check_consistency(old, roots[old], new, roots[new], proof)


def test_leaves_added_together_grow_the_same_tree_as_one_by_one():
    entries = leaves(LARGEST)
    node = nodes_of(entries)
    for before in range(LARGEST + 1):
        for after in range(before, LARGEST + 1):
            one_by_one, together = Frontier.of(before, node), Frontier.of(before, node)
            for leaf in entries[before:after]:
                one_by_one.append(leaf)
            made = together.extend(entries[before:after])
            assert together == one_by_one
            for level, hashes in enumerate(made):
                complete = range(before >> level, after >> level)
                assert hashes == [node(level, index) for index in complete]


def test_the_frontier_can_be_read_back_from_nodes():
    entries = leaves(LARGEST)
    grown = Frontier()
    for size, leaf in enumerate(entries, 1):
        grown.append(leaf)
        assert Frontier.of(size, nodes_of(entries)) == grown


def test_1000_forged_inclusion_proofs_are_refused():
    chance = random.Random(2026)
    accepted = 0
    for _ in range(1000):
        size = chance.randint(2, LARGEST)
        entries = leaves(size)
        index = chance.randrange(size)
        path = inclusion_proof(index, size, nodes_of(entries))
        leaf, where = entries[index], index
        forgery = chance.choice(["leaf", "hash", "drop", "add", "place"])
        if forgery == "leaf":
            leaf = chance.randbytes(32)
        elif forgery == "hash":
            path[chance.randrange(len(path))] = chance.randbytes(32)
        elif forgery == "drop":
            path.pop(chance.randrange(len(path)))
        elif forgery == "add":
            path.insert(chance.randint(0, len(path)), chance.randbytes(32))
        else:
            where = chance.choice([other for other in range(size) if other != index])
        try:
            accepted += root_from_inclusion(leaf, where, size, path) == root_of(entries)
        except ProofRefused:
            continue
    assert accepted == 0


@pytest.mark.parametrize("rewrite", ["altered", "deleted", "backdated", "swapped"])
def test_a_rewritten_history_fails_against_a_checkpoint_somebody_kept(rewrite):
    history = leaves(60)
    kept = root_of(history[:40])
    rewritten = list(history)
    if rewrite == "altered":
        rewritten[17] = leaf_hash(b"other")
    elif rewrite == "deleted":
        del rewritten[17]
    elif rewrite == "backdated":
        rewritten.insert(17, leaf_hash(b"late"))
    else:
        rewritten[17], rewritten[18] = rewritten[18], rewritten[17]
    size, node = len(rewritten), nodes_of(rewritten)
    proof = consistency_proof(40, size, node)
    with pytest.raises(ProofRefused, match="earlier root"):
        check_consistency(40, kept, size, root_of(rewritten), proof)


def test_100_consistency_proofs_to_a_wrong_root_are_refused():
    chance = random.Random(7)
    for _ in range(100):
        new = chance.randint(3, LARGEST)
        old = chance.randint(1, new - 1)
        entries = leaves(new)
        proof = consistency_proof(old, new, nodes_of(entries))
        with pytest.raises(ProofRefused):
            check_consistency(old, root_of(entries[:old]), new, chance.randbytes(32), proof)
        with pytest.raises(ProofRefused):
            check_consistency(old, chance.randbytes(32), new, root_of(entries), proof)


def test_two_trees_of_one_size_with_different_roots_are_called_a_fork():
    with pytest.raises(ProofRefused, match="forked"):
        check_consistency(3, b"a" * 32, 3, b"b" * 32, [])


@st.composite
def selections(draw):
    size = draw(st.integers(1, 300))
    chosen = draw(st.sets(st.integers(0, size - 1), min_size=1))
    return size, sorted(chosen)


@given(selections())
def test_a_multi_proof_leads_to_the_root_with_its_entries_and_not_without(selection):
    size, chosen = selection
    entries = leaves(size)
    proof = list(multi_proof(chosen, size, nodes_of(entries)))
    root = root_of(entries)
    shown = [(index, entries[index]) for index in chosen]
    assert root_from_multi_proof(shown, size, proof) == root
    altered = [(index, leaf_hash(b"forged")) for index, _ in shown[:1]] + shown[1:]
    assert root_from_multi_proof(altered, size, proof) != root
    with pytest.raises(ProofRefused):
        root_from_multi_proof(shown, size, [*proof, entries[0]])
    with pytest.raises(ProofRefused):
        root_from_multi_proof([*shown[1:], (size, entries[0])], size, proof)


def test_a_contiguous_range_costs_a_handful_of_hashes():
    entries = leaves(300)
    assert len(list(multi_proof(range(100, 200), 300, nodes_of(entries)))) <= 2 * 9


@pytest.mark.parametrize("wrong", [[3, 3], [4, 3]])
def test_indices_that_do_not_ascend_are_a_broken_promise(wrong):
    with pytest.raises(ValueError, match="ascend"):
        list(multi_proof(wrong, 8, nodes_of(leaves(8))))


def test_asking_for_what_is_not_there_says_so():
    node = nodes_of(leaves(4))
    with pytest.raises(IndexError, match="no entry 4"):
        inclusion_proof(4, 4, node)
    with pytest.raises(IndexError, match="cannot follow"):
        consistency_proof(5, 4, node)
    with pytest.raises(IndexError, match="no entry 9"):
        list(multi_proof([9], 4, node))
    with pytest.raises(ProofRefused, match="no entry"):
        root_from_inclusion(bytes(32), 5, 4, [])
    with pytest.raises(ProofRefused, match="follow"):
        check_consistency(5, bytes(32), 4, bytes(32), [])
