"""
Hostile values through every check on their way: the message on the topic, the record, the table's own constraints.

Each value is stored exactly or refused with a reason. What the checks before the table accept, the table stores. It is
laxer than they are in three places, which the cases name: nobody's name, negative milliseconds, a fifth decimal.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest

from persistence.errors import PermanentPersistenceError
from persistence.pool import Pool
from persistence.reads import count_outcomes
from persistence.records import ClassificationRecord, InvalidRecord, to_confidence
from persistence.store import Store, Upserted
from streams.contracts import ImageClassified, decode_classified, encode
from streams.identity import image_id, image_url
from streams.rows import record_of, storable
from streams.uploads import Malformed, parse
from streams.user_names import KeyPattern, NoUserError, user_name
from tests.dialects import amazon, body, s3_record
from tests.sinking import classified

Verdict = Literal["kept", "refused", "rounded"]
ODD_TEXTS = (
    "O'Brien\"; DROP TABLE classification_records; --",
    "back\\slash \\x00 \\u0000 $1 %s {0}",
    "\x01\x07\x1b[31m\x7f\x85",
    "tab\there, new\nline, return\r",
    "\u202egnp.tac\u202c \u2066x\u2069 \u200b\ufeff",
    "e\u0301 is not \u00e9",
    "\ufffd \ufffe \U0010ffff",
    "a%00b%25",
    "🐈" * 255,
    "x" * 255,
)


@dataclass(frozen=True)
class Case:
    """A value of one field, and what each check does with it. ``event`` None: the contract cannot even be built."""

    field: str
    value: Any
    event: Verdict
    record: Verdict
    table: Verdict


CASES = [
    *(Case(field, text, "kept", "kept", "kept") for field in ("user_name", "key", "etag") for text in ODD_TEXTS),
    Case("user_name", "x" * 256, "refused", "refused", "refused"),
    Case("user_name", "🐈" * 256, "refused", "refused", "refused"),
    Case("user_name", "", "refused", "refused", "kept"),
    Case("user_name", "nul\0", "kept", "refused", "refused"),
    Case("user_name", "\ud800", "refused", "refused", "refused"),
    Case("etag", "nul\0", "kept", "refused", "refused"),
    Case("version_id", "nul\0", "kept", "refused", "refused"),
    Case("key", "\udfff", "refused", "refused", "refused"),
    Case("key", "k" * 10_000, "kept", "kept", "kept"),  # S3 has 1,024 bytes at most: see the notification below
    Case("classification", "bird", "refused", "refused", "refused"),
    Case("classification", "cat or a dog", "refused", "refused", "refused"),
    Case("processing_time_ms", -1, "refused", "refused", "kept"),
    Case("processing_time_ms", 2**31, "kept", "refused", "refused"),
    Case("sequencer", "0a".rjust(64, "0"), "refused", "refused", "refused"),
    Case("sequencer", "A", "refused", "refused", "refused"),
    Case("confidence", 0.0, "kept", "kept", "kept"),
    Case("confidence", 1.0, "kept", "kept", "kept"),
    Case("confidence", float("nan"), "refused", "refused", "refused"),
    Case("confidence", float("inf"), "refused", "refused", "refused"),
    Case("confidence", -0.1, "refused", "refused", "refused"),
    Case("confidence", 1.1, "refused", "refused", "refused"),
    Case("confidence", 1.00001, "refused", "refused", "rounded"),  # DECIMAL(5,4) rounds before its CHECK looks
]


def event_with(case: Case) -> ImageClassified:
    if case.field != "key":
        return classified("pets", "k", **{case.field: case.value})
    return msgspec.structs.replace(classified("pets", "k"), key=case.value, image_url=image_url("pets", case.value))


def record_with(case: Case) -> ClassificationRecord:
    """The record of the event, without any check: as if every check before the table had a hole."""
    record = record_of(classified("pets", "k"))
    assert isinstance(record, ClassificationRecord)
    object.__setattr__(record, _column(case), _stored(case))
    return record


def _column(case: Case) -> str:
    renamed = {"processing_time_ms": "processing_time"}
    return renamed.get(case.field, case.field if case.field in RECORD_FIELDS else f"source_{case.field}")


RECORD_FIELDS = frozenset(field for field in ClassificationRecord.__dataclass_fields__)


def _stored(case: Case) -> Any:
    return Decimal(repr(case.value)) if case.field == "confidence" else case.value


def verdict_of_event(case: Case) -> Verdict:
    try:
        decoded = decode_classified(encode(event_with(case)))
    except (msgspec.DecodeError, UnicodeEncodeError):
        return "refused"
    assert getattr(decoded, case.field) == case.value, "altered on its way"
    return "kept"


def verdict_of_record(case: Case) -> Verdict:
    try:
        record = record_of(event_with(case))
    except InvalidRecord:
        return "refused"
    except UnicodeEncodeError:  # the id of a key that is no text
        return "refused"
    assert getattr(record, _column(case)) == _stored(case), "altered on its way"
    return "kept"


async def verdict_of_table(case: Case, pool: Pool) -> Verdict:
    record = record_with(case)
    try:
        assert await Store(pool).upsert([record]) == Upserted(inserted=1)
    except PermanentPersistenceError:
        return "refused"
    stored = await pool.fetchval(f"SELECT {_column(case)} FROM classification_records WHERE id = $1", record.id)
    return "kept" if stored == _stored(case) else "rounded"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.field}={ascii(case.value)[:30]}")
async def test_a_hostile_value_is_stored_exactly_or_refused(case: Case, pool: Pool) -> None:
    found = (verdict_of_event(case), verdict_of_record(case), await verdict_of_table(case, pool))
    assert found == (case.event, case.record, case.table)
    if found[:2] == ("kept", "kept"):
        assert found[2] == "kept", "what the checks before it accept, the table stores"
    elif found[2] == "rounded":
        assert found[1] == "refused", "what the table would alter, the record refuses"


@pytest.mark.parametrize("key", ["nul\0.jpg", "100%\0", "\0", "a%00b"])
async def test_a_key_with_nul_is_counted_once_and_never_taken_for_another(pool: Pool, key: str) -> None:
    (upload,) = parse(amazon(key))
    assert not isinstance(upload, Malformed)
    event = classified("pets", getattr(upload, "key", ""))
    other = classified("pets", storable(key).replace("%25", "%"))  # the key that the stored text may look like
    records = [record_of(decode_classified(encode(each))) for each in (event, other)]
    await Store(pool).upsert([record for record in records if isinstance(record, ClassificationRecord)])
    assert (await count_outcomes(pool)).objects == len({key, other.key})
    stored = await pool.fetchval("SELECT source_key FROM image_outcomes WHERE id = $1", image_id("pets", key))
    assert stored == storable(key)


@pytest.mark.parametrize("encoded", ["%FF%FE.jpg", "%ED%A0%80", "k" * 10_000, "%E2%82"])
def test_a_key_that_no_store_can_have_is_malformed_with_its_reason(encoded: str) -> None:
    record = s3_record("k")
    record["s3"]["object"]["key"] = encoded
    (upload,) = parse(body({"Records": [record]}))
    assert isinstance(upload, Malformed)
    assert upload.detail
    assert encoded[:8].encode() in upload.record, "kept as it came"


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_an_odd_user_in_the_key_is_taken_exactly(name: str) -> None:
    assert user_name(f"uploads/{name}/1.jpg", {}, KeyPattern("uploads/{user_name}/{name}"), None) == name


@pytest.mark.parametrize("name", ["x" * 256, "nul\0", "\ud800"])
def test_a_user_that_no_record_takes_is_refused_at_the_edge(name: str) -> None:
    with pytest.raises(NoUserError):
        user_name(f"uploads/{name}/1.jpg", {}, KeyPattern("uploads/{user_name}/{name}"), None)
    with pytest.raises(InvalidRecord):
        record_of(classified("pets", "k", user_name=name))


@pytest.mark.parametrize("probability", [float("nan"), float("inf"), -1e-9, 1.00001])
def test_no_number_outside_0_to_1_becomes_a_confidence(probability: float) -> None:
    with pytest.raises(InvalidRecord):
        to_confidence(probability)
