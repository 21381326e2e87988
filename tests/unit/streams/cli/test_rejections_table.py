import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from persistence.rejection_reads import Rejection, RejectionFilter
from persistence.selection import InvalidSelection
from streams.cli.message_tables import pretty
from streams.cli.rejections_table import described, json_document, json_row, table_rows

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REJECTION = Rejection(
    id=UUID(int=7),
    user_name="ann",
    image_url="s3://pets/a b",
    reason="forbidden",
    detail="403",
    timestamp=NOON,
    source_bucket="pets",
    source_key="a b",
    source_version_id=None,
    source_etag="e",
    source_sequencer="0" * 64,
    model_name="m",
    model_version="1",
    model_rev=2,
    updated_at=NOON,
    stands=True,
    upload_event=b'{"Records":[{"a":1,"a":2}]}',
)
HOSTILE = "\x1b[2J\r\nfake row\x9b1m\u202e\u2028"


def test_a_line_of_json_has_the_names_of_the_contract() -> None:
    assert json.loads(json_row(REJECTION)) == {
        "id": str(REJECTION.id),
        "user_name": "ann",
        "image_url": "s3://pets/a b",
        "bucket": "pets",
        "key": "a b",
        "version_id": None,
        "etag": "e",
        "sequencer": "0" * 64,
        "reason": "forbidden",
        "detail": "403",
        "uploaded_at": "2026-03-01T12:00:00Z",
        "model_name": "m",
        "model_version": "1",
        "model_rev": 2,
        "stands": True,
        "stored_at": "2026-03-01T12:00:00Z",
        "trace_id": None,
    }
    assert json.loads(json_document(REJECTION))["upload_event"] == "eyJSZWNvcmRzIjpbeyJhIjoxLCJhIjoyfV19"


def test_the_event_is_shown_indented_and_whole() -> None:
    lines = list(described(REJECTION))
    assert [line.strip() for line in lines if '"a"' in line] == ['"a": 1,', '"a": 2']
    assert pretty(b"\xff no JSON") == ["\\xff no JSON"]


def test_what_no_longer_stands_is_in_brackets() -> None:
    (row,) = table_rows([replace(REJECTION, stands=False)])
    assert row[1] == "(forbidden)"


@pytest.mark.parametrize("field", ["user_name", "image_url", "detail", "source_key", "model_name"])
def test_hostile_text_drives_no_terminal_and_makes_no_line(field: str) -> None:
    changes: dict[str, Any] = {field: HOSTILE, "upload_event": f'{{"k": "{HOSTILE}"'.encode()}
    hostile = replace(REJECTION, **changes)
    (row,) = table_rows([hostile])
    written = "".join((*row, *described(hostile), json_row(hostile).removesuffix("\n")))
    assert not [char for char in written if not char.isprintable()]
    assert HOSTILE in json.loads(json_row(hostile)).values(), "programs get it as it is"


@pytest.mark.parametrize(
    "wrong",
    [
        {"reasons": ("ugly",)},
        {"since": datetime(2026, 3, 1)},  # noqa: DTZ001 - the mistake that is refused
        {"since": NOON, "until": NOON},
    ],
    ids=str,
)
def test_a_filter_that_makes_no_sense_does_not_exist(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSelection):
        RejectionFilter(**wrong)


@pytest.mark.parametrize(
    "narrowing",
    [
        {"reasons": ("missing",)},
        {"user_name": ""},
        {"since": NOON},
        {"until": NOON},
        {"bucket": "b"},
        {"prefix": "p"},
        {"ids": (UUID(int=1),)},
    ],
    ids=str,
)
def test_anything_but_superseded_narrows_a_filter_down(narrowing: dict[str, Any]) -> None:
    assert not RejectionFilter(**narrowing).selects_everything
    assert RejectionFilter(superseded=True).selects_everything
