import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from inference.errors import RejectedImage
from inference.lab.evaluate import FolderEvaluation, Labelled, Outcome
from inference.lab.findings import findings
from inference.lab.json_report import in_sample, json_report
from inference.manifest import Manifest, Thresholds
from inference.prediction import Label, Scores, decide

MANIFEST: dict[str, Any] = {
    "format": "petstream.model/1",
    "name": "m",
    "version": "1",
    "rev": 1,
    "labels": ["cat", "dog"],
    "classes": {"cat": "cat", "dog": "dog"},
    "input": {"size": 8, "resize": 8},
    "thresholds": {"accept": 0.5},
    "licence": "none",
    "provenance": {},
}

OWN = Thresholds(accept=0.5)


def outcome(name: str, expected: Label, cat: float, dog: float) -> Outcome:
    return Outcome(Labelled(Path(name), expected), decide(Scores(cat, dog, 1 - cat - dog), accept=0.5))


def folder() -> FolderEvaluation:
    refused = RejectedImage("undecodable", "truncated")
    return FolderEvaluation(
        [
            outcome("right.jpg", "cat", 0.8, 0.1),
            outcome("mild.jpg", "cat", 0.3, 0.6),
            outcome("bold.jpg", "dog", 0.9, 0.1),
            outcome("fine.jpg", "neither", 0.1, 0.1),
            Outcome(Labelled(Path("cut.jpg"), "undecodable"), refused),
            Outcome(Labelled(Path("lost.jpg"), "cat"), refused),
        ]
    )


def test_rates_counts_and_intervals_go_by_one_name() -> None:
    document = json_report(findings(folder(), OWN))
    assert document["accuracy"] == pytest.approx(1 / 3)
    assert document["pets_accepted"] == 1.0
    assert document["non_pets_accepted"] == 0.0
    assert document["three_way_accuracy"] == 0.5
    assert document["as_labelled"] == 0.5, "a rejected cat is no outcome as labelled, a rejected ruin is"
    assert document["counts"]["accuracy"] == {"part": 1, "whole": 3}
    low, high = document["intervals"]["accuracy"]
    assert low < 1 / 3 < high
    assert document["confusion"]["cat"] == {"cat": 1, "dog": 1, "neither": 0}


def test_the_most_confident_mistake_comes_first() -> None:
    assert [each["file"] for each in json_report(findings(folder(), OWN))["mistakes"]] == ["bold.jpg", "mild.jpg"]


def test_rejections_say_why() -> None:
    [first, second] = json_report(findings(folder(), OWN))["rejections"]
    told = {"expected": "undecodable", "reason": "undecodable", "detail": "truncated"}
    assert first == {"file": "cut.jpg", "slice": "", **told}
    assert second["expected"] == "cat"


def test_a_rate_of_nothing_is_null() -> None:
    document = json_report(findings(FolderEvaluation([outcome("a.jpg", "cat", 0.9, 0.1)]), OWN, at=0.9))
    assert document["non_pets_accepted"] is None
    json.dumps(document, allow_nan=False)
    nothing = FolderEvaluation([])
    json.dumps(json_report(findings(nothing, OWN, against=("other", nothing))), allow_nan=False)


def test_slices_thresholds_gates_and_the_other_model_have_their_figures() -> None:
    mild, bold, drawn = (
        Labelled(Path("mild.jpg"), "cat", slice="phone"),
        Labelled(Path("bold.jpg"), "neither", slice="people"),
        Labelled(Path("drawn.jpg"), "neither", slice="x-drawings"),
    )
    scores = Scores(0.6, 0.3, 0.1)
    ours = FolderEvaluation([Outcome(each, decide(scores, accept=0.5)) for each in (mild, bold, drawn)])
    theirs = FolderEvaluation([Outcome(each, decide(Scores(0, 0, 1), accept=0.5)) for each in (mild, bold, drawn)])
    document = json_report(findings(ours, OWN, at=0.7, against=("other", theirs)))
    assert document["slices"]["phone"]["accuracy"] == 1
    assert document["slices"]["people"]["non_pets_accepted"] == 1
    assert document["slices"]["people"]["counts"]["non_pets_accepted"] == {"part": 1, "whole": 1}
    assert document["policy_cases"]["x-drawings"]["as_labelled"] == 0
    assert (document["pictures"], document["non_pets_accepted"]) == (2, 1), "the drawing is in no total"
    assert [each["file"] for each in document["mistakes"]] == ["bold.jpg", "drawn.jpg"]
    gates = {each["name"]: each["state"] for each in document["gates"]}
    assert (gates["cat or dog"], gates["people accepted"]) == ("met", "missed")
    assert document["operating_point"]["pets_kept"] == 1
    assert {each["threshold"]: each["false_pets"] for each in document["operating_curve"]}[0.65] == 0
    assert (document["at"]["threshold"], document["at"]["pets_accepted"]) == (0.7, 0)
    against = document["against"]
    assert (against["model"], against["won"], against["lost"]) == ("other", ["mild.jpg"], ["bold.jpg"])
    assert against["slices"]["x-drawings"]["lost"] == ["drawn.jpg"]
    assert against["p_value"] == 1


def test_in_sample_figures_are_recognised_by_the_pictures_themselves(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    line = f"{hashlib.sha256(b'a picture').hexdigest()} cat\n"
    digest = hashlib.sha256(line.encode()).hexdigest()
    head = {"pictures_sha256": digest, "metrics": {"log_loss": 0.1}}
    manifest = Manifest.from_json(json.dumps(MANIFEST | {"provenance": {"head": head}}))
    seen = FolderEvaluation([outcome(str(tmp_path / "a.jpg"), "cat", 0.9, 0.1)])
    relabelled = FolderEvaluation([outcome(str(tmp_path / "a.jpg"), "dog", 0.9, 0.1)])
    assert in_sample(seen, manifest) == {"log_loss": 0.1}
    assert in_sample(relabelled, manifest) is None
    assert in_sample(seen, Manifest.from_json(json.dumps(MANIFEST))) is None
    tables = {"weights": {"tables": [{"pictures_sha256": "0"}, {"pictures_sha256": digest}]}}
    trained = Manifest.from_json(json.dumps(MANIFEST | {"provenance": tables}))
    assert in_sample(seen, trained) == {}, "recognised, without metrics"
    assert in_sample(relabelled, trained) is None
