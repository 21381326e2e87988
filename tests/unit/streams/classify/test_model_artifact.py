"""A planned model file is built with all that the plan names."""

from pathlib import Path

from inference.lab.cascade_card import choose
from inference.lab.plan import Plan
from inference.model.file import read_manifest
from streams.classify.model_artifact import built
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
