"""benchmarks/MODEL.md has the figures of the heads that are shipped, docs/model.md the policy that files carry."""

import re
from pathlib import Path

from inference.lab.gates import GATES
from inference.model.head import Head
from inference.model.policy import POLICY
from inference.model.recipe import ARCHITECTURES

ROOT = Path(__file__).parents[3]
FIGURES = (ROOT / "benchmarks" / "MODEL.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")


def test_the_cross_validated_figures_are_those_of_the_shipped_heads() -> None:
    names = ("cat_dog_accuracy", "three_way_accuracy", "pets_accepted", "others_accepted", "log_loss")
    for arch in ARCHITECTURES:
        [row] = re.findall(rf"^\| {arch} .*$", FIGURES, re.MULTILINE)
        assert [rate(cell) for cell in row.split("|")[2:-1]] == [Head.of(arch).metrics[name] for name in names]


def rate(cell: str) -> float:
    part, of, whole = cell.partition(" of ")
    return round(int(part) / int(whole), 4) if of else float(cell)


def test_the_page_states_the_policy_that_files_carry() -> None:
    flat = " ".join(PAGE.split())
    assert [rule for rule in POLICY if rule not in flat] == []


def test_the_page_states_every_gate() -> None:
    [paragraph] = re.findall(r"- the gates.*?(?=\n- )", PAGE, re.DOTALL)
    for gate in GATES:
        bound = f"{gate.bound:g}" if gate.figure == "expected_calibration_error" else f"{100 * gate.bound:g} %"
        assert bound in paragraph, gate
        assert gate.slice is None or f"`{gate.slice}`" in paragraph, gate
