import math
from pathlib import Path
from typing import Any

import pytest

from inference.classifier import load
from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.lab import evaluate as evaluating
from inference.lab.evaluate import Labelled, evaluate, evaluate_folder, evaluate_models, read_labels
from inference.manifest import InputSpec, Thresholds
from inference.prediction import Label, Prediction, Scores, decide
from tests import tiny_model

SURE: dict[Label, Prediction] = {
    "cat": decide(Scores(0.8, 0.1, 0.1), accept=0.5),
    "dog": decide(Scores(0.1, 0.8, 0.1), accept=0.5),
    "neither": decide(Scores(0.1, 0.1, 0.8), accept=0.5),
}


def test_figures_follow_their_definitions() -> None:
    expected: list[Label] = ["cat", "cat", "dog", "dog", "neither", "neither", "neither", "neither"]
    given: list[Label] = ["cat", "dog", "dog", "neither", "neither", "neither", "neither", "cat"]
    result = evaluate(expected, [SURE[label] for label in given])
    assert result.total == 8
    assert result.cat_dog_right == 2  # the dog that was rejected has no larger dog score: a tie counts as cat
    assert result.cat_dog_accuracy == 0.5
    assert result.three_way_accuracy == 5 / 8
    assert result.pets_accepted == 3 / 4
    assert result.others_accepted == 1 / 4
    assert result.confusion["cat", "dog"] == 1
    assert result.log_loss == pytest.approx(-(5 * math.log(0.8) + 3 * math.log(0.1)) / 8)


def test_a_rejected_pet_still_counts_for_its_species() -> None:
    doubtful = decide(Scores(0.2, 0.1, 0.7), accept=0.5)
    result = evaluate(["cat"], [doubtful])
    assert doubtful.label == "neither"
    assert (result.cat_dog_accuracy, result.pets_accepted) == (1.0, 0.0)


def test_rates_over_nothing_are_not_a_number() -> None:
    result = evaluate([], [])
    assert math.isnan(result.cat_dog_accuracy)
    assert math.isnan(result.others_accepted)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="shorter"):
        evaluate(["cat", "dog"], [SURE["cat"]])


def test_a_folder_is_evaluated_with_its_rejections(tmp_path: Path, cat: bytes, quick_model: Path) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "text.jpg").write_bytes(b"a text")
    (tmp_path / "cut.png").write_bytes(cat[:1000])
    (tmp_path / "labels.csv").write_text(
        "file,expected,note\nchelsea.png,cat,\ntext.jpg,unsupported_format,\ncut.png,cat,it is not\n"
    )
    result = evaluate_folder(tmp_path / "labels.csv", load(quick_model, threads=1), Limits())
    assert [outcome.right for outcome in result.outcomes] == [True, True, False]
    assert isinstance(result.outcomes[2].answer, RejectedImage)
    assert result.evaluation.total == 1


def test_a_picture_is_decoded_once_for_models_that_take_the_same_pixels(
    tmp_path: Path, cat: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "labels.csv").write_text("file,label,slice\nchelsea.png,cat,Phone\n")
    decoded: list[InputSpec] = []

    def counting(file: bytes, spec: InputSpec, limits: Limits) -> Any:
        decoded.append(spec)
        return decode(file, spec, limits)

    monkeypatch.setattr(evaluating, "decode", counting)
    alike, same = (
        load(tiny_model.write(tmp_path / f"{name}.pt", name=name), engine="torchscript", threads=1)
        for name in ("alike", "same")
    )
    wider = {"size": tiny_model.SIDE, "resize": tiny_model.SIDE + 2}
    other = load(tiny_model.write(tmp_path / "other.pt", input=wider), engine="torchscript", threads=1)
    results = evaluate_models(tmp_path / "labels.csv", [alike, same], Limits())
    assert len(decoded) == 1
    assert results[0].outcomes == results[1].outcomes
    assert results[0].outcomes[0].labelled.slice == "phone"
    evaluate_models(tmp_path / "labels.csv", [alike, other, same], Limits())
    assert set(decoded[1:]) == {alike.manifest.input, other.manifest.input}
    assert len(decoded) == 3


def test_results_at_another_threshold_come_from_the_same_scores(tmp_path: Path, cat: bytes, quick_model: Path) -> None:
    (tmp_path / "chelsea.png").write_bytes(cat)
    (tmp_path / "text.jpg").write_bytes(b"a text")
    (tmp_path / "labels.csv").write_text("file,label\nchelsea.png,cat\ntext.jpg,cat\n")
    own = evaluate_folder(tmp_path / "labels.csv", load(quick_model, threads=1), Limits())
    [strict, refused] = own.at(Thresholds(accept=1, compared="label")).outcomes
    [judged, _] = own.outcomes
    assert isinstance(strict.answer, Prediction)
    assert isinstance(judged.answer, Prediction)
    assert (judged.answer.label, strict.answer.label) == ("cat", "neither")
    assert strict.answer.scores == judged.answer.scores
    assert refused == own.outcomes[1]


def test_the_counts_behind_the_rates_are_reported() -> None:
    expected: list[Label] = ["cat", "dog", "neither", "neither"]
    counts = evaluate(expected, [SURE["cat"], SURE["neither"], SURE["cat"], SURE["neither"]]).proportions()
    assert {name: (each.part, each.whole) for name, each in counts.items()} == {
        "accuracy": (1, 2),
        "pets_accepted": (1, 2),
        "non_pets_accepted": (1, 2),
        "three_way_accuracy": (2, 4),
    }


def test_a_picture_that_is_missing_is_reported_with_the_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "labels.csv").write_text("file,label\nlost.jpg,cat\nfolder.jpg,dog\n")
    for row, line in zip(read_labels(tmp_path / "labels.csv"), (2, 3), strict=True):
        for attempt in (row.read, row.check):
            with pytest.raises(OSError, match=rf"labels\.csv, line {line}: correct the name") as raised:
                attempt()
            assert raised.value.filename == str(row.path)


def test_a_name_cannot_steer_a_terminal() -> None:
    assert Labelled(Path("a/\x1b[2Jcat\u202egpj.é.jpg"), "cat").name == "\ufffd[2Jcat\ufffdgpj.é.jpg"
