import pytest

from streams.classify import images
from streams.classify.images import S3Images


def test_notifications_that_name_ever_more_buckets_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BUCKETS", 3)
    reads = S3Images(lambda: None, region="eu-central-1", access_key_id="a", secret_access_key="b")
    pets = reads._store("pets")
    for number in range(5):
        reads._store(f"bucket-{number}")
        assert reads._store("pets") is pets, "the one that is used goes on being used"
    assert list(reads._stores) == ["bucket-3", "bucket-4", "pets"]
