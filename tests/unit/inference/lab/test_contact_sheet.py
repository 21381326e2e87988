import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from inference.decode import Limits
from inference.lab import contact_sheet
from inference.lab.contact_sheet import Sheet, sheets
from inference.lab.evaluate import FolderEvaluation, Outcome
from inference.lab.findings import findings
from inference.manifest import Thresholds
from inference.prediction import Label
from tests.judged_pictures import folder, outcome


def drawn(tmp_path: Path, name: str, expected: Label, given: Label, part: str = "") -> Outcome:
    path = tmp_path / f"{name}.png"
    Image.new("RGB", (60, 30), (200, 0, 0)).save(path)
    return outcome(expected, given, part, name=str(path))


def sheets_of(judged: FolderEvaluation) -> list[Sheet]:
    return sheets(findings(judged, Thresholds(accept=0.5)), Limits())


def test_errors_are_grouped_by_kind(tmp_path: Path) -> None:
    found = sheets_of(
        folder(
            drawn(tmp_path, "fine", "cat", "cat"),
            drawn(tmp_path, "swapped", "cat", "dog"),
            drawn(tmp_path, "lost", "dog", "neither"),
            drawn(tmp_path, "cup", "neither", "cat"),
            drawn(tmp_path, "drawing", "neither", "dog", "x-drawings"),
        )
    )
    assert {sheet.title: [tile.labelled.path.stem for tile in sheet.tiles] for sheet in found} == {
        "Pets called the other": ["swapped"],
        "Pets lost": ["lost"],
        "Non-pets accepted": ["cup"],
        "Policy cases called otherwise": ["drawing"],
    }


def test_a_thumbnail_is_a_small_picture(tmp_path: Path) -> None:
    [sheet] = sheets_of(folder(drawn(tmp_path, "lost", "dog", "neither")))
    thumbnail = sheet.tiles[0].thumbnail
    assert thumbnail is not None
    assert Image.open(io.BytesIO(base64.b64decode(thumbnail))).size == (128, 128)


def test_a_sheet_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "MOST", 2)
    [sheet] = sheets_of(folder(*(drawn(tmp_path, str(n), "cat", "neither") for n in range(5))))
    assert (len(sheet.tiles), sheet.hidden) == (2, 3)


def test_a_file_that_is_gone_leaves_its_name(tmp_path: Path) -> None:
    lost = drawn(tmp_path, "lost", "cat", "dog")
    lost.labelled.path.unlink()
    [sheet] = sheets_of(folder(lost))
    assert (sheet.tiles[0].thumbnail, sheet.tiles[0].labelled.name) == (None, "lost.png")


def test_without_errors_there_are_no_sheets(tmp_path: Path) -> None:
    assert sheets_of(folder(drawn(tmp_path, "fine", "cat", "cat"))) == []
