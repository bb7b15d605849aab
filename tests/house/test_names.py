"""One name, one class: whoever reads a name knows which class is meant."""

from __future__ import annotations

from collections import defaultdict

from source import classes


def test_no_class_name_stands_in_two_files() -> None:
    places = defaultdict(set)
    for path, node in classes():
        places[node.name].add(path)
    twice = [
        f"{name}: {', '.join(sorted(at))}" for name, at in sorted(places.items()) if len(at) > 1
    ]
    assert not twice, "\n".join([str(len(twice)), *twice])
