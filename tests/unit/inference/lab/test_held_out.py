"""The table of held-out pictures."""

from pathlib import Path

import pytest
import torch

from inference.lab import held_out
from inference.lab.examples import Example


def test_the_table_has_each_picture_with_its_scores(tmp_path: Path) -> None:
    examples = [
        Example(Path('b/ü, "1".jpg'), "dog", "web", "", ""),
        Example(Path("a/2.jpg"), "neither", "birds", "", ""),
    ]
    file = held_out.table_of(tmp_path / "tiny.safetensors")
    held_out.write(file, examples, torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 50.0]]))
    assert file.name == "tiny.held-out.csv"
    [first, second] = held_out.read(file)
    assert (first.file, first.label, first.slice) == ("a/2.jpg", "neither", "birds")
    assert first.scores == (0.0, 0.0, 1.0)
    assert second.file == 'b/ü, "1".jpg'
    assert second.scores == pytest.approx((0.106507, 0.786986, 0.106507))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "file,label\na.jpg,cat\n",
        "file,label,slice,cat,dog,neither\na.jpg,cat,web,0.5,0.5\n",
        "file,label,slice,cat,dog,neither\na.jpg,horse,web,0.5,0.5,0\n",
        "file,label,slice,cat,dog,neither\na.jpg,cat,web,0.5,0.5,none\n",
        'file,label,slice,cat,dog,neither\n"a.jpg,cat,web,0.5,0.5,0\n',
    ],
)
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ValueError, match="no table of held-out pictures: take the one that `petstream model train`"):
        held_out.read(tmp_path / "table.csv")
