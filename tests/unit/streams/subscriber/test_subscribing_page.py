"""docs/subscribing.md tells what the code does: topics, reasons, figures, examples."""

import re
from pathlib import Path

from streams.contracts import REASONS
from streams.subscriber import REMEMBERED
from tools import schema

PAGE = Path("docs/subscribing.md").read_text("utf-8")
EXAMPLES = Path("docs/examples")


def first_cells(heading: str) -> list[str]:
    _, _, chapter = PAGE.partition(heading)
    table = re.search(r"(?:^\|.*\n)+", chapter, re.MULTILINE)
    assert table is not None
    return [row.split(" | ")[0] for row in table[0].splitlines()[2:]]


def test_each_topic_and_each_reason_is_reported_once() -> None:
    named = re.findall(r"`([\w-]+)`", " ".join(first_cells("# Subscribing")))
    assert sorted(named) == sorted(schema.PUBLISHED)
    assert sorted(re.findall(r"`(\w+)`", " ".join(first_cells("## Rejections")))) == sorted(REASONS)


def test_each_example_is_reported_and_has_three_lines_of_how_to_run_it() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert set(re.findall(r"\(examples/([\w-]+)\)", PAGE)) == folders
    for folder in folders:
        assert len((EXAMPLES / folder / "README.md").read_text("utf-8").splitlines()) == 3, folder


def test_the_size_of_the_memory_is_reported() -> None:
    assert f"a memory of {REMEMBERED:,} events" in PAGE
