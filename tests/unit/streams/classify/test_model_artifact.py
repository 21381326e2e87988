"""Which model file is taken, and that a planned one is built with all that the plan names."""

from pathlib import Path

import pytest

from inference.lab.cascade_card import choose
from inference.lab.plan import Plan
from inference.model.file import read_manifest
from streams.classify import model_artifact
from streams.classify.model_artifact import built, default_model
from tests import held_out_tables, tiny_parts


def test_a_cascade_is_built_as_its_card_and_its_plan_say(tmp_path: Path) -> None:
    held_out_tables.write(tmp_path)
    card = choose(tmp_path, "mean").file
    told: list[str] = []
    plan = Plan("cascade-float32-0.pt", "float32", "as asked", lambda: tiny_parts.cascade(tmp_path), card, rev=7)
    manifest = read_manifest(built(plan, tmp_path / "model.pt", told.append))
    assert manifest.cascade is not None
    assert (manifest.cascade.defer_below, manifest.cascade.rule) == (0.65, "mean")
    assert manifest.operating_curve is not None
    assert manifest.operating_curve.pets == 3
    assert manifest.rev == 7
    assert told == ["cascade-float32: as asked"]


def test_the_file_that_came_along_is_taken_and_else_one_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped, told = tmp_path / "cascade-int8.pt", list[str]()
    monkeypatch.setattr(model_artifact, "shipped_model", lambda: shipped)
    monkeypatch.setattr(model_artifact, "exported", lambda *_: tmp_path / "exported.pt")
    assert default_model(told.append) == tmp_path / "exported.pt"
    shipped.touch()
    assert default_model(told.append) == shipped
    assert told == ["cascade-int8, which came with petstream"]
