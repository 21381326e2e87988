"""The gates on labelled pictures, through decoding and classification as the product runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.classifier import Classifier, load
from inference.decode import Limits
from inference.evaluate import evaluate_folder


@pytest.fixture(scope="module")
def classifier(model_file: Path) -> Iterator[Classifier]:
    classifier = load(model_file)
    yield classifier
    classifier.close()


def test_the_default_model_passes_the_gates_on_the_development_pictures(classifier: Classifier, data: Path) -> None:
    result = evaluate_folder(data / "dev" / "labels.csv", classifier, Limits()).evaluation
    assert result.total == 379, "every development picture decodes"
    assert result.cat_dog_accuracy >= 0.99
    assert result.pets_accepted >= 0.99
    assert result.others_accepted <= 0.02


def test_the_edge_cases_come_out_as_their_labels_say(classifier: Classifier, data: Path) -> None:
    outcomes = evaluate_folder(data / "edge" / "labels.csv", classifier, Limits()).outcomes
    assert len(outcomes) == 13
    assert [(o.labelled.path.name, o.labelled.expected, o.answer) for o in outcomes if not o.right] == []


def test_a_photograph_of_a_cat_is_a_cat(classifier: Classifier, cat: bytes, tmp_path: Path) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "labels.csv").write_text("file,label\nchelsea.png,cat\n")
    [outcome] = evaluate_folder(tmp_path / "labels.csv", classifier, Limits()).outcomes
    assert outcome.right
