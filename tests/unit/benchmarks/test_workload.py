import json
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from benchmarks import workload
from streams.notifications.upload import ImageUploaded, parse


def test_every_key_is_new_and_ends_with_its_pictures_name() -> None:
    keys = list(workload.keys(["a.jpg", "b.jpg"], 5, "run"))
    assert len(set(keys)) == 5
    assert [key.rpartition("/")[2] for key in keys] == ["a.jpg", "b.jpg", "a.jpg", "b.jpg", "a.jpg"]


def test_a_notification_is_one_that_the_product_understands() -> None:
    message = workload.notification("pictures", "uploads/run-1/a b+é.jpg", 17, 4)
    (upload,) = parse(message)
    assert isinstance(upload, ImageUploaded)
    assert (upload.bucket, upload.key, upload.size_bytes) == ("pictures", "uploads/run-1/a b+é.jpg", 17)
    (record,) = json.loads(message)["Records"]
    assert unquote_plus(record["s3"]["object"]["key"]) == upload.key


def test_later_notifications_have_greater_sequencers() -> None:
    sequencers = [
        upload.sequencer
        for number in (1, 15, 16, 255, 256)
        for upload in parse(workload.notification("b", "uploads/u/k", 1, number))
        if isinstance(upload, ImageUploaded)
    ]
    assert sequencers == sorted(set(sequencers))
    assert len(sequencers) == 5


def test_a_folder_without_pictures_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"\.jpg"):
        workload.pictures(tmp_path)


def test_without_a_folder_there_are_freely_licensed_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workload, "LABELLED", tmp_path / "nowhere")
    assert len(workload.pictures(None)) > 5
