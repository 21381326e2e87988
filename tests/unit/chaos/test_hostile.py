"""Hostile messages are what they say, and the account finds which versions a message is about."""

from dataclasses import dataclass

import pytest

from streams.notifications.upload import ImageUploaded, Malformed, Skipped, parse
from tests import dialects
from tests.chaos.history import Version
from tests.chaos.hostile import Hostile, key_of, messages
from tests.chaos.ledger import Ledger
from tests.chaos.published import arrivals, by_key, identities, parked

MESSAGES = messages("pets", "by-hand/0-")


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_each_hostile_message_names_its_objects_or_is_rejected_or_skipped_as_it_says(message: Hostile) -> None:
    found = set(parse(message.value))
    if message.malformed is not None:
        assert {each.record for each in found if isinstance(each, Malformed)} == {message.malformed}
    elif message.keys:
        assert {(each.bucket, each.key) for each in found if isinstance(each, ImageUploaded)} == {
            ("pets", key) for key in message.keys
        }
    else:
        assert all(isinstance(each, Skipped) for each in found)


def test_no_two_of_them_are_about_the_same_object() -> None:
    keys = [key for message in MESSAGES for key in message.keys]
    assert len(set(keys)) == len(keys) > 20
    assert all(key.startswith("by-hand/0-") for key in keys)


V1, V2 = Version("k", "v1", "e1", "cat", 1.0), Version("k", "v2", "e2", "dog", 2.0)
U1, U2 = Version("u", None, "e1", "cat", 1.0), Version("u", None, "e2", "dog", 2.0)


@dataclass(frozen=True)
class Message:
    value: bytes
    timestamp: int = 5000
    topic: str = "image-uploads-retry-10m"


def about(key: str, version: str | None, etag: str) -> bytes:
    described = dialects.s3_record(key, "pets", version)
    described["s3"]["object"]["eTag"] = etag
    return dialects.body({"Records": [described]})


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (about("k", "v2", "e2"), {V2.identity}),
        (about("u", None, "e1"), {U1.identity}),
        (about("u", None, "wrong"), {U1.identity, U2.identity}),
        (about("k", None, "wrong"), set()),
        (about("nobody", None, "e1"), set()),
        (b"no JSON", {(key_of(b"no JSON"), None)}),
    ],
)
def test_a_message_is_about_the_version_that_it_names_or_whose_etag_it_has(
    body: bytes, found: set[tuple[str, str | None]]
) -> None:
    under = by_key([V1, V2, U1, U2])
    assert identities(body, under) == found
    assert arrivals([Message(body, 7000), Message(body)], under) == dict.fromkeys(found, 5.0)
    assert {(each.identity, each.at, each.delay_seconds) for each in parked([Message(body)], under, (1, 2, 3))} == {
        (identity, 5.0, 2) for identity in found
    }


def test_the_newest_version_is_expected_and_any_row_of_the_same_bytes_once_its_message_is_gone() -> None:
    ledger = Ledger()
    ledger.uploaded("k", "v1", "e1", "cat")
    ledger.uploaded("k", "v2", "e2", "dog")
    ledger.uploaded("gone", "v", "e", "cat", also="missing")
    assert (ledger.expected()["k"].version_id, ledger.expected()["k"].outcome) == ("v2", "dog")
    ledger.take([("k", "v1")])
    assert not ledger.expected()["k"].is_any_version
    ledger.take([("k", "v2"), ("gone", "v")])
    assert ledger.expected()["k"].is_any_version
    assert not ledger.expected()["k"].may_be_absent
    assert ledger.expected()["gone"].may_be_absent
