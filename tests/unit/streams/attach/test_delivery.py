import json

import pytest

from streams.attach.attachment import Attachment
from streams.attach.delivery import keys_of_test

PETS = Attachment.of("pets", "uploads/")
KEY = f"uploads/petstream-attach-check/{'ab' * 16}/"


def about(*keys: str) -> str:
    return json.dumps({"Records": [{"s3": {"object": {"key": key}}} for key in keys]})


def test_a_test_objects_message_and_s3s_own_test_are_recognised() -> None:
    assert keys_of_test(about(KEY), PETS) == (KEY,)
    assert keys_of_test(about(KEY.replace("/", "%2F")), PETS) == (KEY,)
    assert keys_of_test('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "pets"}', PETS) == ()


@pytest.mark.parametrize(
    "body",
    [
        about("uploads/ann/cat.jpg"),
        about(KEY, "uploads/ann/cat.jpg"),
        about(KEY + "cat.jpg"),
        about("other/" + KEY),
        about(),
        '{"Event": "s3:TestEvent", "Bucket": "somebody-elses"}',
        '{"Event": "s3:TestEvent"}',
        '{"Records": null}',
        '{"Records": [{"s3": {"object": {"key": 5}}}]}',
        "[]",
        "no JSON",
        "",
    ],
)
def test_every_other_message_stays_in_the_queue(body: str) -> None:
    assert keys_of_test(body, PETS) is None
