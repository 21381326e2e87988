import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from inference.classifier import Classifier, load
from inference.decode import Limits
from inference.lab.evaluate import evaluate_folder
from inference.lab.findings import findings
from inference.lab.proportion import Proportion
from inference.lab.report import html, written
from tests import tiny_model

HOSTILE = '"><script>alert(1)<\\script>.png'


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    path = tiny_model.write(tmp_path_factory.mktemp("model") / "model.pt", name="<b>colours</b>")
    return load(path, engine="torchscript", threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 40), (200, 0, 0)).save(tmp_path / "cat.png")
    Image.new("RGB", (40, 40), (0, 200, 0)).save(tmp_path / HOSTILE)
    Image.new("RGB", (40, 40), (0, 0, 200)).save(tmp_path / "sky.png")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    (tmp_path / "labels.csv").write_text(
        f"file,expected\ncat.png,cat\n{quoted},cat\nsky.png,neither\ncut.png,undecodable\n"
    )
    return tmp_path


class Reader(HTMLParser):
    """Collects tags and attributes, and that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(folder: Path, classifier: Classifier) -> tuple[str, Reader]:
    result = evaluate_folder(folder / "labels.csv", classifier, Limits())
    found = findings(result, classifier.thresholds, at=0.9, against=("<u>other</u>", result))
    text = html(found, classifier, "<i>pictures</i>", Limits())
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return text, reader


def test_a_report_is_complete_in_itself(folder: Path, classifier: Classifier) -> None:
    text, reader = page(folder, classifier)
    assert "script" not in reader.tags
    assert reader.tags.count("svg") == 3
    assert len(reader.sources) == 1
    assert reader.sources[0].startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?://", text)
    assert "default-src 'none'" in text


def test_names_end_up_as_text(folder: Path, classifier: Classifier) -> None:
    text, reader = page(folder, classifier)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "i" not in reader.tags, "the folder's name is escaped"
    assert "<b>colours" not in text, "and the manifest's"
    assert "<u>" not in text, "and that of the other model"


def test_a_report_tells_figures_mistakes_and_rejections(folder: Path, classifier: Classifier) -> None:
    text, _ = page(folder, classifier)
    assert "50.00 %" in text
    assert "1 of 2" in text
    assert "cut.png" in text
    assert "undecodable" in text


def test_a_folder_without_mistakes_has_a_report_too(tmp_path: Path, classifier: Classifier) -> None:
    Image.new("RGB", (40, 40), (0, 0, 200)).save(tmp_path / "sky.png")
    (tmp_path / "labels.csv").write_text("file,label\nsky.png,neither\n")
    text, reader = page(tmp_path, classifier)
    assert reader.tags.count("svg") == 2, "there is no curve without pets"
    assert "n/a" in text, "accuracy over no pets"
    assert "img" not in reader.tags


def test_a_folder_of_rejections_has_a_report_too(tmp_path: Path, classifier: Classifier) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "labels.csv").write_text("file,label\ncut.png,undecodable\n")
    page(tmp_path, classifier)


def test_a_proportion_is_written_with_its_counts() -> None:
    assert written(Proportion(290, 292)) == {
        "rate": "99.32 %",
        "counts": "290 of 292",
        "interval": "95 %: 97.5 to 99.8 %",
    }


def test_a_page_has_slices_gates_and_both_thresholds(tmp_path: Path, classifier: Classifier) -> None:
    for name, colour in (("cat", (200, 0, 0)), ("face", (200, 0, 0)), ("drawing", (0, 200, 0))):
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text(
        "file,label,slice\ncat.png,cat,<s>phone</s>\nface.png,neither,people\ndrawing.png,neither,x-drawings\n"
    )
    text, reader = page(tmp_path, classifier)
    assert "s" not in reader.tags, "a slice's name is escaped"
    for said in ("people accepted", "missed", "x-drawings", "the model's own, 0.5", "at 0.9", "McNemar"):
        assert said in text.replace("&#39;", "'"), said
    assert "Non-pets accepted (1)" in text
    assert "Policy cases called otherwise (1)" in text
