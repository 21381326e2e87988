"""What is wrong with the pictures of a training is told before it begins, all of it together."""

import os
from pathlib import Path

import pytest
from PIL import Image

from inference.lab import examples
from inference.lab.evaluate import pictures_digest, read_labels
from inference.lab.examples import read_examples, store, stored
from tests.tiny_training import pictures


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return pictures(tmp_path / "pictures")


def test_several_tables_are_read_and_policy_slices_are_not_fitted(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine"
    other.mkdir()
    (other / "a.jpg").write_bytes((table.parent / "cat-web-0.jpg").read_bytes() + b"x")
    (other / "labels.csv").write_text("a.jpg,cat\n")
    found = read_examples([table, other / "labels.csv"])
    assert len(found) == 3 * 7 + 2 + 1
    assert [each.slice for each in found if not each.is_fitted] == ["x-drawings"] * 2
    assert (found[-1].slice, found[-1].group) == ("mine", "mine"), "without a slice: the folder"


def test_the_digest_is_that_of_an_evaluation(table: Path) -> None:
    found = read_examples([table])
    assert examples.digest(found) == pictures_digest(
        [each.path.read_bytes() for each in found], [each.label for each in found]
    )


def test_a_picture_that_is_listed_several_times_counts_once_and_is_recognised(table: Path) -> None:
    once = read_examples([table])
    copy = table.parent / "copy.jpg"
    copy.write_bytes((table.parent / "cat-web-0.jpg").read_bytes())
    table.write_text(table.read_text() + "cat-web-0.jpg,cat,web\ncopy.jpg,cat,another\n")
    assert read_examples([table]) == once, "else the copy could be held out and the picture fitted"
    rows = read_labels(table)
    assert len(rows) == len(once) + 2
    assert pictures_digest([each.read() for each in rows], [each.expected for each in rows]) == examples.digest(once)
    table.write_text("file,label\n" + "\n".join(f"{label}-web-0.jpg,{label}" for label in ("cat",) * 5))
    with pytest.raises(ValueError, match="too few pictures to fit"):
        read_examples([table])


def test_missing_pictures_are_named_together(table: Path) -> None:
    for name in ("cat-web-0.jpg", "neither-birds-1.jpg"):
        (table.parent / name).unlink()
    with pytest.raises(ValueError, match=r"cannot be read \(2\): .*line 5: cat-web-0.*neither-birds-1") as told:
        read_examples([table])
    assert "or take them out" in str(told.value)


@pytest.mark.timeout(60)
def test_what_is_no_regular_file_is_named_and_not_waited_for(table: Path) -> None:
    for name in ("cat-web-0.jpg", "cat-web-1.jpg", "cat-web-2.jpg"):
        (table.parent / name).unlink()
    os.mkfifo(table.parent / "cat-web-0.jpg")
    (table.parent / "cat-web-1.jpg").symlink_to("/dev/null")
    (table.parent / "cat-web-2.jpg").mkdir()
    with pytest.raises(ValueError, match=r"\(3\): .*-0.jpg: no regular .*-1.jpg: no regular .*-2.jpg: Is a directory"):
        read_examples([table])
    for row in read_labels(table):
        if row.path.name == "cat-web-0.jpg":
            for each in (row.read, row.check):
                with pytest.raises(OSError, match=r"no regular file \(.*line 5: correct the name there"):
                    each()


def test_many_missing_pictures_are_counted(table: Path) -> None:
    for file in table.parent.glob("*.jpg"):
        file.unlink()
    with pytest.raises(ValueError, match=r"cannot be read \(23\): .*; and 13 more\. Correct"):
        read_examples([table])


def test_an_unknown_label_a_scarce_label_and_two_labels_of_a_picture_are_told(table: Path) -> None:
    rows = table.read_text()
    table.write_text(rows.replace("dog-advert-0.jpg,dog", "dog-advert-0.jpg,horse"))
    with pytest.raises(ValueError, match=r"line \d+: 'horse' is neither"):
        read_examples([table])
    table.write_text(rows.replace("dog,phone", "dog,x-phone"))
    with pytest.raises(ValueError, match=r"too few pictures to fit \(dog: 3\): at least 5"):
        read_examples([table])
    (table.parent / "dog-phone-0.jpg").write_bytes((table.parent / "cat-phone-0.jpg").read_bytes())
    table.write_text(rows)
    with pytest.raises(ValueError, match=r"have several labels \(2\): .*phone-0.jpg: cat"):
        read_examples([table])


def test_pictures_are_stored_once_upright_and_bounded(tmp_path: Path) -> None:
    table = pictures(tmp_path / "pictures")
    exif = Image.Exif()
    exif[274] = 6
    large = table.parent / "cat-web-0.jpg"
    Image.new("CMYK", (1000, 800), (0, 200, 200, 0)).save(large, "JPEG", exif=exif)
    found = read_examples([table])
    folder = tmp_path / "stored"
    folder.mkdir()
    told: list[tuple[int, int]] = []
    store(folder, found, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(found), len(found))
    [example] = [each for each in found if each.path == large]
    with Image.open(stored(folder, example)) as image:
        assert (image.mode, image.size) == ("RGB", (examples.SIDE, examples.SIDE * 5 // 4))
    before = stored(folder, example).stat().st_mtime_ns
    told.clear()
    store(folder, found, progress=lambda done, total: told.append((done, total)))
    assert told == [], "what is there is not made again"
    assert stored(folder, example).stat().st_mtime_ns == before
    assert sorted(path.name for path in folder.iterdir()) == sorted({f"{each.sha256}.jpg" for each in found})


def test_pictures_that_do_not_decode_are_named_together(tmp_path: Path) -> None:
    table = pictures(tmp_path / "pictures")
    for name in ("cat-web-0.jpg", "dog-phone-1.jpg"):
        (table.parent / name).write_bytes(f"no picture {name}".encode())
    found = read_examples([table])
    with pytest.raises(ValueError, match=r"do not decode \(2\): .*cat-web-0.jpg: unsupported_format.*dog-phone"):
        store(tmp_path, found, progress=lambda _done, _total: None)


def test_too_little_room_is_told_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"1000000000\.0 GB are needed, and .* GB are free"):
        examples.check_room(tmp_path, 10**18)
