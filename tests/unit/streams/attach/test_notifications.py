from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused
from streams.attach.notifications import (
    is_same,
    others,
    ours,
    own,
    refuse_conflicts,
    unknown_elements,
    with_ours,
    without_ours,
)

PETS = Attachment.of("pets", "uploads/")
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:mine"
THEIRS = "arn:aws:sns:eu-central-1:123456789012:theirs"


def topic(
    prefix: str = "", suffix: str = "", *events: str, names: tuple[str, str] = ("prefix", "suffix")
) -> dict[str, Any]:
    rules = [{"Name": name, "Value": value} for name, value in zip(names, (prefix, suffix), strict=True) if value]
    found = {"Id": "theirs", "TopicArn": THEIRS, "Events": list(events or ("s3:ObjectCreated:*",))}
    return {"TopicConfigurations": [{**found, "Filter": {"Key": {"FilterRules": rules}}}]}


@pytest.mark.parametrize(
    "found",
    [
        topic(),
        topic("uploads/"),
        topic("uploads/ann/", ".jpg"),
        topic("up", ".gif", "s3:ObjectCreated:Put"),
        topic("uploads/", "", "s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"),
        topic("uploads/", names=("Prefix", "Suffix")),
        topic("uploads%2Fann%20lee/"),  # as others may write it: S3 takes it percent-encoded
    ],
)
def test_a_destination_of_the_same_keys_and_events_is_a_conflict(found: dict[str, Any]) -> None:
    with pytest.raises(AttachRefused, match="theirs"):
        refuse_conflicts(found, PETS)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"EventBridgeConfiguration": {}},
        topic("reports/"),
        topic("uploadsx/"),
        topic("uploads/", "", "s3:ObjectRemoved:*"),
        topic("uploads/", "", "s3:ObjectTagging:*", "s3:ReducedRedundancyLostObject"),
        with_ours({}, PETS, QUEUE),
    ],
)
def test_what_gets_other_keys_or_other_events_is_none(found: dict[str, Any]) -> None:
    refuse_conflicts(found, PETS)


@settings(max_examples=60)
@given(st.text("ab/", max_size=4), st.text("ab/", max_size=4), st.text("ab", max_size=2))
def test_two_filters_conflict_if_and_only_if_one_key_fits_both(prefix: str, theirs: str, suffix: str) -> None:
    longest = max(prefix, theirs, key=len)
    key = longest + suffix
    fits_both = key.startswith(prefix) and key.startswith(theirs)
    try:
        refuse_conflicts(topic(theirs, suffix), Attachment.of("pets", prefix))
    except AttachRefused:
        assert fits_both
    else:
        assert not fits_both


def test_everything_else_comes_back_as_it_was() -> None:
    found = {
        **topic("logs/", ".gz"),
        "QueueConfigurations": [{"Id": "q", "QueueArn": QUEUE, "Events": ["s3:ObjectRemoved:*"], "New": {"field": 1}}],
        "EventBridgeConfiguration": {},
    }
    attached = with_ours(found, PETS, QUEUE)
    assert own(attached, PETS) == ours(PETS, QUEUE)
    assert others(attached, PETS) == others(found, PETS)
    assert attached["QueueConfigurations"][0] is found["QueueConfigurations"][0]
    assert without_ours(attached, PETS) == found
    everything = Attachment.of("pets", "")
    assert without_ours(with_ours({}, everything, QUEUE), everything) == {}


def test_the_order_and_the_case_that_s3_gives_back_make_no_difference() -> None:
    one = topic("logs/", ".gz", "s3:ObjectCreated:Put", "s3:ObjectCreated:Copy")
    other = topic("logs/", ".gz", "s3:ObjectCreated:Copy", "s3:ObjectCreated:Put", names=("Prefix", "Suffix"))
    assert is_same(one, other)
    assert not is_same(one, topic("logs/"))
    assert not is_same(one, {**one, "EventBridgeConfiguration": {}})


def test_what_boto3_would_drop_is_seen() -> None:
    inner = b"<EventBridgeConfiguration/><QueueConfiguration><Id>1</Id></QueueConfiguration>"
    known = b'<?xml version="1.0"?><NotificationConfiguration xmlns="x">' + inner + b"</NotificationConfiguration>"
    assert unknown_elements(known) == set()
    assert unknown_elements(known.replace(b"EventBridgeC", b"EventBusC")) == {"EventBusConfiguration"}
