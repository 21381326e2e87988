"""docs/model.md has the figures of the heads that are shipped."""

import re
from pathlib import Path

from inference.model.head import Head
from inference.model.recipe import ARCHITECTURES

PAGE = (Path(__file__).parents[3] / "docs" / "model.md").read_text(encoding="utf-8")


def test_the_cross_validated_figures_are_those_of_the_shipped_heads() -> None:
    names = ("cat_dog_accuracy", "three_way_accuracy", "pets_accepted", "others_accepted", "log_loss")
    for arch in ARCHITECTURES:
        [row] = re.findall(rf"^\| {arch}.*$", PAGE, re.MULTILINE)
        assert [float(cell) for cell in row.split("|")[2:-1]] == [Head.of(arch).metrics[name] for name in names]
