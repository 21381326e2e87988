"""A class of streams has its name for itself: whoever reads the name knows what is meant."""

import ast
from collections import defaultdict
from pathlib import Path
from typing import Final

STREAMS: Final = Path("streams")


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in STREAMS.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
