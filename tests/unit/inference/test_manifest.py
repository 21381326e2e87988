import json
from typing import Any

import pytest

from inference.errors import ModelUnusable
from inference.manifest import Manifest

VALID: dict[str, Any] = {
    "format": "petstream.model/1",
    "name": "breeds",
    "version": "2",
    "rev": 3,
    "labels": ["tabby", "siamese", "poodle", "car"],
    "classes": {"tabby": "cat", "siamese": "cat", "poodle": "dog", "car": "neither"},
    "input": {"size": 224, "resize": 256},
    "thresholds": {"accept": 0.5},
    "licence": "MIT",
    "provenance": {"by": "hand"},
}


def parse(**changes: Any) -> Manifest:
    return Manifest.from_json(json.dumps(VALID | changes))


def test_a_manifest_round_trips_to_the_same_bytes() -> None:
    document = parse().to_json()
    assert Manifest.from_json(document).to_json() == document


def test_other_labels_are_mapped_to_ours() -> None:
    manifest = parse()
    assert [manifest.columns(label) for label in ("cat", "dog", "neither")] == [(0, 1), (2,), (3,)]


def test_a_field_from_the_future_is_ignored() -> None:
    assert parse(colour="blue").name == "breeds"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "petstream.model/2"}, "format"),
        ({"rev": -1}, "rev"),
        ({"rev": "1"}, "rev"),
        ({"thresholds": {"accept": 1.5}}, "accept"),
        ({"thresholds": {}}, "accept"),
        ({"thresholds": {"accept": 0.5, "compared": "sum"}}, "compared"),
        ({"policy": "Cats are cats."}, "policy"),
        ({"operating_curve": {"measured_on": "", "pets": 0, "others": 1, "points": []}}, "pets"),
        ({"input": {"size": 224, "resize": 200}}, "resize"),
        ({"input": {"size": 0, "resize": 200}}, "size"),
        ({"labels": ["tabby", "tabby"]}, "twice"),
        ({"labels": ["tabby", "poodle", "tram"]}, "what tram is"),
        ({"labels": ["tabby", "car"]}, "no label is a dog"),
        ({"classes": {"tabby": "horse"}}, "horse"),
        ({"golden": [{"pattern": 0, "scores": [1.0]}]}, "one number for each label"),
        ({"network": "onnx"}, "network"),
        ({"cascade": {"defer_below": 1.5, "rule": "large"}}, "defer_below"),
        ({"cascade": {"defer_below": 0.8, "rule": "smallest"}}, "rule"),
        ({"cascade": {"rule": "large"}}, "defer_below"),
        (
            {"cascade": {"defer_below": 0.8, "rule": "mean", "golden": [{"pattern": 0, "scores": [1.0]}]}},
            "one number for each label",
        ),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelUnusable, match=said) as refusal:
        parse(**changes)
    assert "petstream model export" in str(refusal.value)


def test_a_file_from_before_the_policy_is_read_as_it_was_meant() -> None:
    manifest = parse()
    assert (manifest.thresholds.compared, manifest.policy, manifest.operating_curve) == ("pet", (), None)


def test_a_manifest_carries_its_policy_and_its_curve() -> None:
    point = {"threshold": 0.5, "pets_kept": 0.99, "false_pets": 0.02, "wrong_species": 0.01}
    curve = {"measured_on": "drawn pictures", "pets": 100, "others": 50, "points": [point]}
    manifest = parse(policy=["Cats are cats."], operating_curve=curve, thresholds={"accept": 0.5, "compared": "label"})
    assert manifest.policy == ("Cats are cats.",)
    assert manifest.operating_curve is not None
    assert manifest.operating_curve.points[0].pets_kept == 0.99
    assert manifest.thresholds.compared == "label"
    assert Manifest.from_json(manifest.to_json()) == manifest


@pytest.mark.parametrize("document", [b"", b"no json", b"\xff\xfe", b"[]"])
def test_what_is_no_manifest_is_refused(document: bytes) -> None:
    with pytest.raises(ModelUnusable):
        Manifest.from_json(document)
