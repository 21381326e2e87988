import re

import pytest

from streams.attach.attachment import Attachment
from streams.attach.errors import AttachRefused


def test_names_are_of_bucket_and_prefix_and_fit_sqs() -> None:
    names = set()
    for bucket in ("abc", "pets.of.ours", "p" * 63):
        for prefix in ("", "uploads/", "u" * 150):
            attachment = Attachment.of(bucket, prefix)
            for name in (attachment.name, attachment.dead_letters_name):
                assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name)
                names.add(name)
            assert all(re.fullmatch(r"[\w .:/=+@-]{1,256}", text) for pair in attachment.tags.items() for text in pair)
    assert len(names) == 18
    assert Attachment.of("abc", "uploads/").name == Attachment.of("abc", "uploads/").name


@pytest.mark.parametrize(
    ("prefix", "instead"), [("a b/", "a"), ("é/", ""), ("x/a+b/", "x/a"), ("*", ""), ("u" * 151, "u" * 150)]
)
def test_a_prefix_that_s3_would_have_encoded_is_refused_with_another(prefix: str, instead: str) -> None:
    with pytest.raises(AttachRefused, match=f"--prefix '{instead}'"):
        Attachment.of("pets", prefix)


@pytest.mark.parametrize("bucket", ["", "pe", "arn:aws:s3:::pets", 'pets"'])
def test_what_is_no_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(AttachRefused, match="bucket"):
        Attachment.of(bucket, "uploads/")
