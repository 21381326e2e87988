"""The gates on labelled pictures, through decoding and classification as the product runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.classifier import Classifier, load
from inference.decode import Limits
from inference.evaluate import evaluate_folder
from inference.prediction import LABELS, Prediction


@pytest.fixture(scope="module")
def classifier(model_file: Path) -> Iterator[Classifier]:
    classifier = load(model_file)
    yield classifier
    classifier.close()


def test_the_default_model_passes_the_gates_and_both_engines_agree_on_every_picture(
    classifier: Classifier, model_file: Path, data: Path
) -> None:
    other = load(model_file, engine="torchscript")
    assert classifier.engine != other.engine
    results = [evaluate_folder(data / "dev" / "labels.csv", each, Limits()) for each in (classifier, other)]
    other.close()
    for result in results:
        assert result.evaluation.total == 379, "every development picture decodes"
        assert result.evaluation.cat_dog_accuracy >= 0.99
        assert result.evaluation.pets_accepted >= 0.99
        assert result.evaluation.others_accepted <= 0.02
    for one, another in zip(*(result.outcomes for result in results), strict=True):
        assert isinstance(one.answer, Prediction)
        assert isinstance(another.answer, Prediction)
        assert one.answer.label == another.answer.label, one.labelled.path
        for label in LABELS:
            difference = getattr(one.answer.scores, label) - getattr(another.answer.scores, label)
            assert abs(difference) < 1e-3, one.labelled.path


def test_the_edge_cases_come_out_as_their_labels_say(classifier: Classifier, data: Path) -> None:
    outcomes = evaluate_folder(data / "edge" / "labels.csv", classifier, Limits()).outcomes
    assert len(outcomes) == 13
    assert [(o.labelled.path.name, o.labelled.expected, o.answer) for o in outcomes if not o.right] == []


def test_a_photograph_of_a_cat_is_a_cat(classifier: Classifier, cat: bytes, tmp_path: Path) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "labels.csv").write_text("file,label\nchelsea.png,cat\n")
    [outcome] = evaluate_folder(tmp_path / "labels.csv", classifier, Limits()).outcomes
    assert outcome.right
