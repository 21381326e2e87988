"""Reasons, components and topics are listed in one module each: a list that stands twice drifts in silence."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

from persistence.records import REASONS_BY_PROGRESS
from streams.contracts import REASONS, RetryReason, topics
from streams.runtime.components import COMPONENTS
from streams.runtime.metrics import CONSUMED_TOPICS

STREAMS: Final = Path("streams")
TOPICS: Final = {name for name, value in vars(topics).items() if isinstance(value, str) and not name.endswith("GROUP")}
FEW: Final = 3
"""So many of them side by side are chosen for what they are; more are a list."""


def lists(path: Path) -> Iterator[set[str]]:
    """The words and the names of each list, tuple, set and literal type of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            words = {each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)}
            yield words | {each.id for each in node.elts if isinstance(each, ast.Name)}


def listing(whole: set[str]) -> set[str]:
    """The modules that have a list of more than a few of these and of nothing else."""
    return {
        str(path.relative_to(STREAMS))
        for path in STREAMS.rglob("*.py")
        if any(len(words) > FEW and words <= whole for words in lists(path))
    }


def test_reasons_are_listed_by_the_contract() -> None:
    assert listing(set(REASONS)) == {"contracts/events.py"}
    assert set(get_args(RetryReason)) < set(REASONS)


def test_the_tables_have_the_same_reasons_in_the_same_order() -> None:
    assert REASONS == REASONS_BY_PROGRESS, "persistence knows no topics, so it has a list of its own"


def test_components_are_listed_by_themselves() -> None:
    assert listing(set(COMPONENTS)) == {"runtime/components.py"}


def test_topics_are_listed_by_their_own_module() -> None:
    assert listing(TOPICS | {getattr(topics, name) for name in TOPICS}) == set()
    assert tuple(topic for read in topics.READ_BY.values() for topic in read) == CONSUMED_TOPICS
