from pathlib import Path

import pytest

from streams.demo.pictures import Folder, NoPicturesError, included


def test_a_folder_gives_its_pictures_with_their_labels(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.jpg", "b/c.PNG", "notes.txt"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,cat\nb/c.PNG,neither\n")
    pictures = list(Folder(tmp_path))
    assert [(p.name, p.data, p.expected) for p in pictures] == [
        ("a.jpg", b"a.jpg", "cat"),
        ("b/c.PNG", b"b/c.PNG", "not_a_pet"),
    ]
    assert len(Folder(tmp_path)) == 2


def test_labels_that_a_spreadsheet_wrote_are_read_and_others_are_a_clear_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "labels.csv").write_bytes("\ufeffFile;Label\r\na.jpg;Not_a_pet\r\n".encode())
    [picture] = Folder(tmp_path)
    assert picture.expected == "not_a_pet"
    (tmp_path / "labels.csv").write_bytes(b"a.jpg,horse\n")
    with pytest.raises(NoPicturesError, match=r"labels\.csv, line 1"):
        Folder(tmp_path)


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_with_nothing_to_show_is_a_clear_mistake(tmp_path: Path, kind: str) -> None:
    with pytest.raises(NoPicturesError):
        Folder(tmp_path / "no" if kind == "missing" else tmp_path)


def test_the_included_pictures_are_of_every_outcome_and_named_once() -> None:
    pictures = included()
    assert {p.expected for p in pictures} >= {"cat", "not_a_pet", "undecodable", "unsupported_format"}
    assert len({p.name for p in pictures}) == len(pictures)
