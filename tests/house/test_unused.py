"""What is defined is used by the product itself: no code is kept alive by its tests alone."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from source import ROOT, Function, sources

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = {
    # Other libraries call these by their names.
    "process_bind_param": "SQLAlchemy calls it for a column's type",
    "process_result_value": "SQLAlchemy calls it for a column's type",
    "_with_where": "SQLAlchemy calls it where it writes an index",
    "emit": "logging calls it on a handler",
    "readinto": "io.BufferedReader calls it on a stream of ours",
    "async_sign_raw": "pyHanko calls it on a signer",
    "async_request_tsa_response": "pyHanko calls it on a time stamper",
    # What somebody who uses Packtrail as a library expects beside what the service needs.
    "to_element_string": "the third way to write a GS1 key, beside its URN and its Digital Link",
    "root_from_inclusion": "an auditor proves an entry by it; a server only makes the proofs",
    "root_from_multi_proof": "as root_from_inclusion, for several entries",
    "check_consistency": "an auditor proves by it that a log only grew",
    "events_naming": "the plainest question to the index; the benchmark measures it",
    "read_picture": "reads one picture without a pool of processes",
    "pzn_of_gtin": "the number a German pharmacy knows a pack by",
    "cip_of_gtin": "as pzn_of_gtin, in France",
    "cn_of_gtin": "as pzn_of_gtin, in Spain",
    "eleven_digits": "the form of an NDC that bills are written with",
    "national_number": "how a label or a list names the number under AI 710 to 717",
    "idle_count": "how many processes a pool of picture readers holds while nobody asks",
}
"""Names that the product defines and never uses, with who does."""

_KNOWN_BY_THEIR_BASE = {"_Key"}
"""Classes whose subclasses are one family: each GS1 key is there, whichever the service needs."""
_CALLED_BY_A_FRAMEWORK = re.compile(
    r"\.(get|post|put|patch|delete|head|options|websocket|route|api_route|command|callback"
    r"|exception_handler|middleware)\b|validator|overload"
)


def definitions() -> Iterator[tuple[str, int, str]]:
    """Each function, method, class and constant of a module, with its file and line."""
    for path, tree in sources().items():
        for node in tree.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (
                    (path, node.lineno, one.id) for one in targets if isinstance(one, ast.Name)
                )
        for node in ast.walk(tree):
            if isinstance(node, (Function, ast.ClassDef)) and not _is_known_otherwise(node):
                yield path, node.lineno, node.name


def _is_known_otherwise(node: Function | ast.ClassDef) -> bool:
    """Whether a framework or a family of classes reaches it without saying its name."""
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any(ast.unparse(one) in _KNOWN_BY_THEIR_BASE for one in bases) or any(
        _CALLED_BY_A_FRAMEWORK.search(ast.unparse(one)) for one in node.decorator_list
    )


def used() -> set[str]:
    """Each word that product code or a page of it uses: as a name, an attribute or in a text."""
    trees = [
        *sources().values(),
        *(ast.parse(path.read_text()) for path in (ROOT / "scripts").glob("*.py")),
    ]
    found: set[str] = set()
    for tree in trees:
        said = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias) and node.asname:
                found.add(node.name)
            elif isinstance(node, ast.keyword):
                found.add(node.arg or "")
            elif isinstance(node, ast.Constant) and id(node) not in said:
                found.update(re.findall(r"\w+", str(node.value)))
    for page in (ROOT / "compliance").rglob("*.html"):
        found.update(re.findall(r"\w+", page.read_text()))
    assert len(found) > 1000, "the product uses many words"
    return found


def unused() -> dict[str, str]:
    """The place of each name that is defined and not used."""
    words = used()
    return {
        name: f"{path}:{line}"
        for path, line, name in definitions()
        if name not in words and not re.fullmatch(r"__\w+__", name)
    }


def test_what_is_defined_is_used_by_the_product() -> None:
    unknown = [f"{at} {name}" for name, at in unused().items() if name not in KEPT]
    assert not unknown, "\n".join(unknown)


def test_nothing_is_excused_that_is_used_or_gone() -> None:
    assert set(KEPT) <= set(unused()), sorted(set(KEPT) - set(unused()))
