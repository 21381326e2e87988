import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.records import REASONS_BY_PROGRESS
from streams.contracts import (
    REASONS,
    ImageClassified,
    ImageRejected,
    Model,
    PipelineStatus,
    Scores,
    StorageDeadLetter,
    cloudevents,
    decode_classified,
    decode_rejected,
    encode,
)
from streams.contracts.identity import NO_SEQUENCER
from tools import schema

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MOMENT = datetime(2026, 11, 23, 20, 0, 0, 5, UTC)
MODEL = Model(name="m", version="1", rev=2, sha256="ab" * 32)
CLASSIFIED = ImageClassified(
    id=uuid4(),
    user_name="Zoë",
    image_url="s3://pets/a b",
    bucket="pets",
    key="a b",
    version_id=None,
    etag="e",
    sequencer="A".ljust(64, "0"),
    classification="dog",
    confidence=0.75,
    scores=Scores(cat=0.2, dog=0.75, neither=0.05),
    processing_time_ms=12,
    uploaded_at=MOMENT,
    classified_at=MOMENT,
    model=MODEL,
)
REJECTED = ImageRejected(
    id=uuid4(),
    user_name=None,
    image_url=None,
    bucket=None,
    key=None,
    version_id=None,
    etag=None,
    sequencer=NO_SEQUENCER,
    reason="malformed_event",
    detail="not JSON",
    uploaded_at=MOMENT,
    rejected_at=MOMENT,
    model=MODEL,
    upload_event=b"\xff\x00not utf-8",
)
LETTER = StorageDeadLetter(
    id=uuid4(),
    topic="image-classifications",
    partition=0,
    offset=7,
    sqlstate="22021",
    constraint=None,
    detail="NUL",
    failed_at=MOMENT,
    event=b"{}",
)
STATUS = PipelineStatus(component="storage", state="degraded", since=MOMENT, at=MOMENT, warning="since …")


@pytest.mark.parametrize("event", [CLASSIFIED, REJECTED, LETTER, STATUS], ids=lambda event: type(event).__name__)
def test_every_event_satisfies_its_published_schema(event: Any) -> None:
    document = json.loads(encode(event))
    jsonschema.validate(document, schema.json_schema(type(event)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, schema.json_schema(type(event)))


def test_events_survive_the_way_through_bytes() -> None:
    assert decode_classified(encode(CLASSIFIED)) == CLASSIFIED
    assert decode_rejected(encode(REJECTED)) == REJECTED


def test_only_a_rejection_that_the_model_judged_has_scores() -> None:
    assert "scores" not in json.loads(encode(REJECTED)), "as events were before scores"
    judged = msgspec.structs.replace(REJECTED, reason="not_a_pet", scores=Scores(cat=0.3, dog=0.1, neither=0.6))
    assert decode_rejected(encode(judged)) == judged
    jsonschema.validate(json.loads(encode(judged)), schema.json_schema(ImageRejected))


@given(st.binary())
def test_the_original_message_survives_whatever_its_bytes(message: bytes) -> None:
    rejected = msgspec.structs.replace(REJECTED, upload_event=message)
    assert decode_rejected(encode(rejected)).upload_event == message


def test_times_are_rfc_3339_in_utc() -> None:
    assert json.loads(encode(CLASSIFIED))["uploaded_at"] == "2026-11-23T20:00:00.000005Z"


def test_a_subscriber_of_today_reads_an_event_with_more_fields() -> None:
    document = json.loads(encode(CLASSIFIED)) | {"added_later": 1}
    assert decode_classified(json.dumps(document).encode()) == CLASSIFIED


@pytest.mark.parametrize("broken", [{"classification": "horse"}, {"confidence": 1.5}, {"sequencer": "0a"}, {"id": "x"}])
def test_what_breaks_the_contract_is_refused(broken: dict[str, Any]) -> None:
    document = json.loads(encode(CLASSIFIED)) | broken
    with pytest.raises(msgspec.DecodeError):
        decode_classified(json.dumps(document).encode())


def test_the_reasons_of_all_three_packages_agree() -> None:
    from inference import errors
    from persistence import records

    assert set(errors.REASONS) <= set(REASONS) == set(records.REASONS)


def test_the_committed_documents_are_what_the_code_generates() -> None:
    docs = Path(__file__).parents[4] / "docs"
    for name, text in schema.files().items():
        assert (docs / name).read_text(encoding="utf-8") == text, f"{name} is stale: run python -m tools.schema"


def test_headers_are_cloudevents_in_binary_mode_and_carry_the_trace() -> None:
    headers = dict(cloudevents.headers(CLASSIFIED, [("traceparent", TRACE), ("other", b"x")]))
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": f"{CLASSIFIED.id}/A/2026-11-23T20:00:00.000005Z/2".encode(),
        "ce_source": b"petstream/classifier",
        "ce_type": b"petstream.image.classified.v1",
        "ce_subject": str(CLASSIFIED.id).encode(),
        "ce_time": b"2026-11-23T20:00:00.000005Z",
        "content-type": b"application/json",
        "traceparent": TRACE,
    }


def test_a_newer_version_of_an_outcome_has_another_name() -> None:
    newer = msgspec.structs.replace(CLASSIFIED, sequencer="B".ljust(64, "0"))
    assert cloudevents.version_id(newer) != cloudevents.version_id(CLASSIFIED)


def test_what_a_replay_makes_of_one_version_has_another_name_than_what_was_known_before() -> None:
    forbidden = msgspec.structs.replace(REJECTED, id=CLASSIFIED.id, sequencer=CLASSIFIED.sequencer, reason="forbidden")
    not_a_pet = msgspec.structs.replace(forbidden, reason="not_a_pet")
    assert len({cloudevents.version_id(event) for event in (CLASSIFIED, forbidden, not_a_pet)}) == 3
    again = msgspec.structs.replace(forbidden, detail="another", rejected_at=datetime.now(UTC))
    assert cloudevents.version_id(again) == cloudevents.version_id(forbidden)


def test_the_order_of_reasons_that_subscribers_are_told_is_the_tables() -> None:
    assert set(REASONS_BY_PROGRESS) == set(REASONS)
    assert ", ".join(REASONS_BY_PROGRESS) in " ".join((ImageRejected.__doc__ or "").split())


def test_the_status_of_storage_has_the_fields_that_it_always_had() -> None:
    assert set(json.loads(encode(STATUS))) == {"component", "state", "since", "at", "warning"}
