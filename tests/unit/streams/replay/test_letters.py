from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from persistence.reads import Outcome
from streams.cli.dead_letters_table import described, fields, json_row, table_row
from streams.contracts import Model, StorageDeadLetter, encode
from streams.contracts.identity import NO_SEQUENCER, pad_sequencer
from streams.kafka.scan import Position
from streams.replay.letters import Letter, LetterFilter, is_overtaken, read
from tests.sinking import classified
from tests.unit.streams.sink.test_rows import rejected

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RESULT = classified("pets", "uploads/carl/1.jpg", user_name="carl")
REFUSED = StorageDeadLetter(
    id=RESULT.id,
    topic="image-classifications",
    partition=2,
    offset=7,
    sqlstate="23514",
    constraint="no_carl",
    detail='new row violates check constraint "no_carl"',
    failed_at=NOON,
    event=encode(RESULT),
)


@dataclass(frozen=True)
class Message:
    value: bytes | None
    partition: int = 0
    offset: int = 17
    headers: tuple[tuple[str, bytes], ...] = (("ce_id", b"x"), ("traceparent", b"00-t"))


def found(letter: StorageDeadLetter = REFUSED) -> Letter:
    made = read(Message(encode(letter)))
    assert made is not None
    return made


def test_a_letter_is_read_with_its_place_its_result_and_its_trace() -> None:
    letter = found()
    assert letter == Letter(Position(0, 17), REFUSED, RESULT, [("traceparent", b"00-t")])
    assert letter.error == "23514 no_carl"


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{}", b"[]"])
def test_what_is_no_letter_is_none(value: bytes | None) -> None:
    assert read(Message(value)) is None


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (LetterFilter(), True),
        (LetterFilter(error="23514"), True),
        (LetterFilter(error="no_carl"), True),
        (LetterFilter(error="CHECK constraint"), True),
        (LetterFilter(error="2351"), False),
        (LetterFilter(since=NOON), True),
        (LetterFilter(since=NOON + timedelta(microseconds=1)), False),
        (LetterFilter(key="uploads/carl/"), True),
        (LetterFilter(key="carl"), False),
        (LetterFilter(id=RESULT.id), True),
        (LetterFilter(id=UUID(int=0)), False),
        (LetterFilter(error="23514", key="x"), False),
    ],
    ids=str,
)
def test_a_filter_takes_what_it_names(wanted: LetterFilter, *, takes: bool) -> None:
    assert wanted.takes(found()) is takes
    assert wanted.selects_everything is (wanted == LetterFilter())


def stored(**changes: Any) -> dict[Any, Outcome]:
    outcome = Outcome(
        id=RESULT.id,
        user_name="carl",
        image_url=RESULT.image_url,
        source_bucket="pets",
        source_key=RESULT.key,
        outcome="dog",
        reason=None,
        confidence=Decimal("0.5"),
        timestamp=RESULT.uploaded_at,
        source_sequencer=RESULT.sequencer,
        model_rev=RESULT.model.rev,
        updated_at=NOON,
    )
    return {RESULT.id: replace(outcome, **changes)}


OLDER, NEWER = NO_SEQUENCER, pad_sequencer("2")
NOT_A_PET = {"outcome": "rejected", "reason": "not_a_pet"}
NO_USER = {"outcome": "rejected", "reason": "no_user"}


@pytest.mark.parametrize(
    ("outcome", "overtaken"),
    [
        ({}, True),
        ({"source_sequencer": NEWER}, True),
        ({"source_sequencer": "2".rjust(64, "0")}, True),  # as an earlier petstream stored it
        ({"source_sequencer": OLDER}, False),
        ({"timestamp": RESULT.uploaded_at - timedelta(seconds=1)}, False),
        ({"model_rev": 2}, True),
        ({"model_rev": 0}, False),
        (NOT_A_PET, False),
        (NOT_A_PET | {"source_sequencer": NEWER}, True),
    ],
    ids=str,
)
def test_a_label_is_overtaken_by_a_newer_outcome_or_its_own_and_by_no_rejection_of_its_version(
    outcome: dict[str, Any], *, overtaken: bool
) -> None:
    assert is_overtaken(RESULT, stored(**outcome)) is overtaken


@pytest.mark.parametrize(
    ("outcome", "overtaken"), [({}, True), (NO_USER, True), (NOT_A_PET, True), (NO_USER | {"reason": "missing"}, False)]
)
def test_a_rejection_is_overtaken_by_what_got_as_far_in_its_version(
    outcome: dict[str, Any], *, overtaken: bool
) -> None:
    event = rejected(
        "k", id=RESULT.id, sequencer=RESULT.sequencer, model=Model(name="m", version="1", rev=1, sha256="0" * 64)
    )
    assert event.reason == "no_user"
    assert is_overtaken(event, stored(**outcome)) is overtaken


def test_an_object_of_which_nothing_is_stored_overtakes_nothing() -> None:
    assert not is_overtaken(RESULT, {})


def test_hostile_text_of_a_letter_drives_no_terminal() -> None:
    hostile = classified("pets", "a\x1b[2J\n\u202eb", user_name="\x1b]0;x\x07")
    letter = found(
        StorageDeadLetter(
            **{name: getattr(REFUSED, name) for name in REFUSED.__struct_fields__}
            | {"event": encode(hostile), "detail": "\x1b[31m\r\n" * 50, "id": hostile.id}
        )
    )
    written = "".join((*table_row(letter), *described(letter), json_row(letter).removesuffix("\n")))
    assert not [char for char in written if not char.isprintable()]
    assert fields(letter)["outcome"] == "cat"


def test_a_letter_whose_event_is_not_readable_is_still_shown() -> None:
    letter = found(
        StorageDeadLetter(
            **{name: getattr(REFUSED, name) for name in REFUSED.__struct_fields__} | {"event": b"\xff\x1b"}
        )
    )
    assert letter.result is None
    assert fields(letter)["image_url"] is None
    assert list(described(letter))[-1] == r"  \xff\u001b"
    assert str(REFUSED.id) in table_row(letter)


@pytest.mark.parametrize(("text", "position"), [("0:17", Position(0, 17)), ("3:0", Position(3, 0)), ("17", (0, 17))])
def test_a_position_is_read_as_it_is_written(text: str, position: Position) -> None:
    assert Position.from_text(text) == position
    assert Position.from_text(str(Position(*position))) == position


@pytest.mark.parametrize("text", ["", ":", "a:1", "1:a", "-1", "1:-1", "²", "1:2:3", "0: 7", "9" * 30])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no partition:offset"):
        Position.from_text(text)
