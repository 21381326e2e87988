"""The default model on labelled pictures, through decoding and classification as the product runs them."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from inference.classifier import Classifier, load
from inference.decode import Limits, decode
from inference.lab.evaluate import evaluate_folder, read_labels
from inference.lab.gates import GATES
from inference.lab.slices import POLICY_PREFIX
from inference.prediction import LABELS, Prediction


@pytest.fixture(scope="module")
def classifier(model_file: Path) -> Iterator[Classifier]:
    classifier = load(model_file)
    yield classifier
    classifier.close()


@pytest.fixture(scope="module")
def other(model_file: Path, classifier: Classifier) -> Iterator[Classifier]:
    """Another engine."""
    other = load(model_file, engine="torchscript")
    assert classifier.engine != other.engine
    yield other
    other.close()


def test_the_default_model_passes_the_gates(classifier: Classifier, data: Path) -> None:
    result = evaluate_folder(data / "dev" / "labels.csv", classifier, Limits()).evaluation
    assert result.total == 379, "every development picture decodes"
    assert result.cat_dog_accuracy >= 0.99
    assert result.pets_accepted >= 0.99
    assert result.others_accepted <= 0.02


def assert_alike(one: Classifier, other: Classifier, labels_csv: Path) -> None:
    results = [evaluate_folder(labels_csv, each, Limits()).outcomes for each in (one, other)]
    for its, others in zip(*results, strict=True):
        assert isinstance(its.answer, Prediction)
        assert isinstance(others.answer, Prediction)
        assert its.answer.label == others.answer.label, its.labelled.path
        for label in LABELS:
            difference = getattr(its.answer.scores, label) - getattr(others.answer.scores, label)
            assert abs(difference) < 1e-3, its.labelled.path


def test_both_engines_give_the_same_scores(classifier: Classifier, other: Classifier, cat: bytes) -> None:
    side = classifier.manifest.input.size
    noise = [np.random.default_rng(n).integers(0, 256, (side, side, 3), dtype=np.uint8) for n in range(3)]
    images = [decode(cat, classifier.manifest.input, Limits()), *noise]
    answers = [each.predict(images) for each in (classifier, other)]
    for its, others in zip(*answers, strict=True):
        assert its.label == others.label
        assert its.scores.cat == pytest.approx(others.scores.cat, abs=1e-5)
        assert its.scores.neither == pytest.approx(others.scores.neither, abs=1e-5)
    assert answers[0][0].label == "cat"


def test_both_engines_agree_on_a_sample(classifier: Classifier, other: Classifier, data: Path, tmp_path: Path) -> None:
    rows = read_labels(data / "dev" / "labels.csv")[::16]
    assert {row.expected for row in rows} == set(LABELS)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label"), *((row.path.absolute(), row.expected) for row in rows)])
    assert_alike(classifier, other, tmp_path / "labels.csv")


@pytest.mark.slow
def test_both_engines_agree_on_every_development_picture(classifier: Classifier, other: Classifier, data: Path) -> None:
    assert_alike(classifier, other, data / "dev" / "labels.csv")


def test_the_edge_cases_come_out_as_their_labels_say(classifier: Classifier, data: Path) -> None:
    outcomes = evaluate_folder(data / "edge" / "labels.csv", classifier, Limits()).outcomes
    assert len(outcomes) == 13
    assert [(o.labelled.path.name, o.labelled.expected, o.answer) for o in outcomes if not o.right] == []


def test_the_gates_look_at_slices_that_the_pictures_have(data: Path) -> None:
    table = data / "fit" / "labels.csv"
    if not table.exists():
        pytest.skip(f"there are no pictures with slices at {table}")
    slices = {row.slice for row in read_labels(table)}
    assert {gate.slice for gate in GATES} - {None} <= slices
    assert any(each.startswith(POLICY_PREFIX) for each in slices)


def test_a_photograph_of_a_cat_is_a_cat(classifier: Classifier, cat: bytes, tmp_path: Path) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "labels.csv").write_text("file,label\nchelsea.png,cat\n")
    [outcome] = evaluate_folder(tmp_path / "labels.csv", classifier, Limits()).outcomes
    assert outcome.right
