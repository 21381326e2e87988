"""A report holds only if nothing at all differs; it is told to people and to programs."""

import io
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tests.chaos.account import Expected, settle
from tests.chaos.history import Event, Version, compare
from tests.chaos.report import Report
from tests.chaos.waits import waits

VERSION = Version("a", "v1", "e1", "cat", 100.0)
RESULT = Event("a", "v1", "e1", "cat", 101.5)
ROW = {"source_key": "a", "source_version_id": "v1", "source_etag": "e1", "outcome": "cat", "reason": None}


def report(
    rows: list[Any] | None = None,
    events: list[Event] | None = None,
    found_by_reconcile: Sequence[str] = (),
    **counts: int,
) -> Report:
    published = [RESULT] if events is None else events
    return Report(
        seed=1,
        seconds=60,
        tables=settle(
            {"a": Expected("v1", "cat", "e1")},
            1,
            [ROW] if rows is None else rows,
            published=len(published),
            dead_letters=counts.get("dead_letters", 0),
        ),
        history=compare([VERSION], published),
        waits=waits([VERSION], published, {VERSION.identity: 100.0}, [], pace_seconds=0.01),
        taken=0,
        found_by_reconcile=found_by_reconcile,
        left_in_queue=counts.get("left_in_queue", 0),
        unacknowledged=counts.get("unacknowledged", 0),
        faults={"store is slow": 2},
        kills={"sink": 3},
        ended=[],
    )


def test_a_report_without_differences_holds_and_is_told() -> None:
    good = report()
    assert good.holds
    assert good.lines() == []
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(good.table())
    told = console.export_text()
    for figure in ("objects", "store is slow", "sink 3", "1.5 s"):
        assert figure in told
    document = json.loads(msgspec.json.encode(good.document()))
    assert document["holds"] is True
    assert document["tables"]["uploaded"] == 1


def test_a_report_says_which_kinds_of_faults_did_not_happen() -> None:
    missing = report().not_drawn
    assert {"store forbids everything", "kafka is killed", "kill bridge"} <= set(missing)
    assert not {"store is slow", "kill sink"} & set(missing)
    assert report().document()["not_drawn"] == missing


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (report(rows=[]), "lost"),
        (report(rows=[ROW | {"outcome": "dog"}]), "wrong"),
        (report(rows=[ROW, ROW]), "doubled"),
        (report(dead_letters=1), "dead letters"),
        (report(events=[]), "unanswered"),
        (report(events=[RESULT, Event("a", "v1", "e1", "missing", 102.0)]), "blamed"),
        (report(events=[RESULT, Event("a", "v1", "e0", "cat", 102.0)]), "mislabelled"),
        (report(events=[RESULT, Event("a", "v0", "e0", "cat", 102.0)]), "strangers"),
        (report(events=[Event("a", "v1", "e1", "cat", 111.0)]), "blocked"),
        (report(found_by_reconcile=["a: missing"]), "found by reconcile"),
        (report(left_in_queue=1), "left in the queue"),
        (report(unacknowledged=1), "unacknowledged"),
    ],
)
def test_each_difference_is_named_and_ends_the_run_badly(broken: Report, kind: str) -> None:
    assert not broken.holds
    assert any(line.startswith(kind + ": ") for line in broken.lines())
    assert not broken.document()["holds"]
