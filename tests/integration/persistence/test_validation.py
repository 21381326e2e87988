"""
Hostile values through every check on their way: the message on the topic, the record, the table's own constraints.

One table of values, and for each what the three make of it. Each is stored exactly or refused with a reason, and what
the checks before the table accept, the table stores. In one place a constraint cannot say what they say: DECIMAL(5,4)
rounds a fifth decimal before any CHECK sees it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pytest

from persistence.errors import PermanentPersistenceError
from persistence.pool import Pool
from persistence.reads import count_outcomes
from persistence.records import ClassificationRecord, InvalidRecord, Record, to_confidence
from persistence.store import Store, Upserted
from streams.contracts import ImageClassified, ImageRejected, decode_classified, decode_rejected, encode
from streams.contracts.identity import image_id, image_url
from streams.contracts.user_names import KeyPattern, NoUserError, user_name
from streams.notifications.upload import Malformed, parse
from streams.sink.rows import record_of, storable
from tests.dialects import amazon, body, s3_record
from tests.sinking import classified

Verdict = Literal["kept", "refused", "altered"]
ODD_TEXTS = (
    "O'Brien\"; DROP TABLE classification_records; --",
    "back\\slash \\x00 \\u0000 $1 %s {0}",
    "\x01\x07\x1b[31m\x7f\x85",
    "tab\there, new\nline, return\r",
    "\u202egnp.tac\u202c \u2066x\u2069 \u200b\ufeff",
    "e\u0301 is not \u00e9",
    "\ufffd \ufffe \U0010ffff",
    "a%00b%25",
    " ",
    "🐈" * 255,
    "x" * 255,
)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
SMALLEST = timedelta.resolution
NAIVE = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - naive on purpose
BEFORE_ALL_YEARS = datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))


@dataclass(frozen=True)
class Case:
    """A value of one field, and what each check does with it: the contract, the record, the table."""

    field: str
    value: Any
    event: Verdict
    record: Verdict
    table: Verdict

    def __str__(self) -> str:
        return f"{self.field}={ascii(self.value)[:60]}"

    @property
    def column(self) -> str:
        renamed = {"processing_time_ms": "processing_time", "uploaded_at": "timestamp"}
        sources = ("key", "etag", "version_id", "sequencer")
        return f"source_{self.field}" if self.field in sources else renamed.get(self.field, self.field)

    @property
    def stored(self) -> Any:
        return Decimal(repr(self.value)) if self.field == "confidence" else self.value


IN_BOTH = [
    *(Case(field, text, "kept", "kept", "kept") for field in ("user_name", "key", "etag") for text in ODD_TEXTS),
    Case("user_name", "\ud800", "refused", "refused", "refused"),
    Case("etag", "nul\0", "kept", "refused", "refused"),
    Case("version_id", "nul\0", "kept", "refused", "refused"),
    Case("key", "\udfff", "refused", "refused", "refused"),
    Case("key", "k" * 10_000, "kept", "kept", "kept"),  # S3 has 1,024 bytes at most: see the notification below
    Case("key", "nul\0", "kept", "altered", "refused"),  # escaped: docs/decisions/0007
    Case("sequencer", "0a".rjust(64, "0"), "refused", "refused", "refused"),
    Case("sequencer", "A", "refused", "refused", "refused"),
    Case("sequencer", "", "refused", "refused", "refused"),
    Case("uploaded_at", EARLIEST + SMALLEST, "kept", "kept", "kept"),
    Case("uploaded_at", LATEST - SMALLEST, "kept", "kept", "kept"),
    Case("uploaded_at", EARLIEST, "kept", "refused", "refused"),  # the driver takes it for -infinity
    Case("uploaded_at", LATEST, "kept", "refused", "refused"),
    Case("uploaded_at", BEFORE_ALL_YEARS, "kept", "refused", "refused"),
    Case("uploaded_at", NAIVE, "refused", "refused", "altered"),  # the driver takes it for the machine's own zone
]
IN_CLASSIFICATIONS = [
    Case("user_name", "x" * 256, "refused", "refused", "refused"),
    Case("user_name", "🐈" * 256, "refused", "refused", "refused"),
    Case("user_name", "", "refused", "refused", "refused"),
    Case("user_name", "nul\0", "kept", "refused", "refused"),
    Case("user_name", None, "refused", "refused", "refused"),
    Case("classification", "bird", "refused", "refused", "refused"),
    Case("classification", "cat or a dog", "refused", "refused", "refused"),
    Case("classification", None, "refused", "refused", "refused"),
    Case("processing_time_ms", 0, "kept", "kept", "kept"),
    Case("processing_time_ms", -1, "refused", "refused", "refused"),
    Case("processing_time_ms", 2**31 - 1, "kept", "kept", "kept"),
    Case("processing_time_ms", 2**31, "kept", "refused", "refused"),
    Case("confidence", 0.0, "kept", "kept", "kept"),
    Case("confidence", 1.0, "kept", "kept", "kept"),
    Case("confidence", 0.98765, "kept", "altered", "altered"),  # rounded once, where the row is made
    Case("confidence", float("nan"), "refused", "refused", "refused"),
    Case("confidence", float("inf"), "refused", "refused", "refused"),
    Case("confidence", -0.1, "refused", "refused", "refused"),
    Case("confidence", 1.1, "refused", "refused", "refused"),
    Case("confidence", 1.00001, "refused", "refused", "altered"),  # a row of 1.0000
]
# A rejection has to be counted whoever it is of: a name that no row holds becomes none (streams/sink/rows.py).
IN_REJECTIONS = [
    Case("user_name", None, "kept", "kept", "kept"),
    Case("user_name", "x" * 256, "kept", "altered", "refused"),
    Case("user_name", "", "kept", "altered", "refused"),
    Case("user_name", "nul\0", "kept", "altered", "refused"),
    Case("reason", "boredom", "refused", "refused", "refused"),
    Case("reason", "", "refused", "refused", "refused"),
    Case("reason", None, "refused", "refused", "refused"),
    *(Case("detail", text, "kept", "kept", "kept") for text in ODD_TEXTS),
    Case("detail", "nul\0", "kept", "altered", "refused"),  # prose
    Case("upload_event", bytes(range(256)), "kept", "kept", "kept"),
    Case("upload_event", b"", "kept", "kept", "kept"),
    Case("key", None, "kept", "refused", "refused"),  # and the bucket is named
]
CASES = [("classified", case) for case in IN_BOTH + IN_CLASSIFICATIONS]
CASES += [("rejected", case) for case in IN_BOTH + IN_REJECTIONS]


def rejected() -> ImageRejected:
    shared = {
        name: getattr(classified("pets", "k"), name)
        for name in ImageClassified.__struct_fields__
        if name in ImageRejected.__struct_fields__
    }
    return ImageRejected(
        **shared, reason="undecodable", detail="", rejected_at=shared["uploaded_at"], upload_event=b"{}"
    )


def event_with(kind: str, case: Case) -> ImageClassified | ImageRejected:
    event = classified("pets", "k") if kind == "classified" else rejected()
    if case.field == "key" and isinstance(case.value, str):
        return msgspec.structs.replace(event, key=case.value, image_url=image_url("pets", case.value))
    return msgspec.structs.replace(event, **{case.field: case.value})


def record_with(kind: str, case: Case) -> Record:
    """The record of the event, without any check: as if every check before the table had a hole."""
    record = record_of(classified("pets", "k") if kind == "classified" else rejected())
    object.__setattr__(record, case.column, case.stored)
    return record


def verdict_of_event(kind: str, case: Case) -> Verdict:
    try:
        body = encode(event_with(kind, case))
        decoded = decode_classified(body) if kind == "classified" else decode_rejected(body)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return "refused"
    return "kept" if getattr(decoded, case.field) == case.value else "altered"


def verdict_of_record(kind: str, case: Case) -> Verdict:
    try:
        record = record_of(event_with(kind, case))
    except InvalidRecord:
        return "refused"
    except UnicodeEncodeError:  # the id of a key that is no text
        return "refused"
    return "kept" if getattr(record, case.column) == case.stored else "altered"


async def verdict_of_table(kind: str, case: Case, pool: Pool) -> Verdict:
    record = record_with(kind, case)
    classifications, rejections = ([record], []) if isinstance(record, ClassificationRecord) else ([], [record])
    try:
        assert await Store(pool).upsert(classifications, rejections) == Upserted(inserted=1)
    except PermanentPersistenceError:
        return "refused"
    table = "classification_records" if classifications else "image_rejections"
    stored = await pool.fetchval(f"SELECT {case.column} FROM {table} WHERE id = $1", record.id)
    return "kept" if stored == case.stored else "altered"


@pytest.mark.parametrize(("kind", "case"), CASES, ids=str)
async def test_a_hostile_value_is_stored_exactly_or_refused(kind: str, case: Case, pool: Pool) -> None:
    found = (verdict_of_event(kind, case), verdict_of_record(kind, case), await verdict_of_table(kind, case, pool))
    assert found == (case.event, case.record, case.table)
    if found[1] == "kept":
        assert found == ("kept", "kept", "kept"), "what becomes a record came by the topic, and the table stores it"
    if found[2] == "altered":
        assert found[1] != "kept", "what the table would alter, no record holds"


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
