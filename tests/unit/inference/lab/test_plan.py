from pathlib import Path
from typing import Any

import pytest

from inference.lab import plan
from inference.lab.arithmetic import Processor
from inference.lab.plan import planned
from inference.model import recipe
from inference.model.head import Head

AVX2 = Processor("a processor", frozenset({"X86_V3"}), has_gpu=False)


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the weights that are shipped, empty at first."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(plan, "shipped_weights", lambda arch: folder / f"{arch}.safetensors")
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    for arch in recipe.ARCHITECTURES:
        (tmp_path / f"{arch}.safetensors").write_bytes(arch.encode())
    return tmp_path


def name(**given: Any) -> str:
    return planned(**({"processor": lambda: AVX2} | given)).name


def test_the_default_is_a_cascade_in_what_suits_the_processor() -> None:
    made = planned(processor=lambda: AVX2)
    assert made.name.startswith("cascade-int8-")
    assert made.arithmetic == "int8"
    assert "AVX2" in made.why
    asked = planned("efficientnet-lite0", arithmetic="bfloat16")
    assert asked.name.startswith("efficientnet-lite0-bfloat16-")
    assert asked.why == "as asked"


def test_shipped_weights_are_the_default_once_both_are_there(shipped: Path) -> None:
    before = name()
    (shipped / "efficientnet-lite0.safetensors").write_bytes(b"0")
    assert name() == before, "half a cascade is none"
    (shipped / "efficientnet-lite2.safetensors").write_bytes(b"2")
    after = planned(processor=lambda: AVX2)
    assert after.name != before
    assert after.arithmetic == "float32", "their ranges are not there"
    assert name(weights="pypi") == before


def test_a_files_name_changes_with_all_that_it_is_made_of(trained: Path) -> None:
    names = {
        name(),
        name(arch="efficientnet-lite0"),
        name(arch="efficientnet-lite2"),
        name(arithmetic="float32"),
        name(arch="efficientnet-lite2", weights=trained / "efficientnet-lite2.safetensors", arithmetic="int8"),
        name(weights=trained, arithmetic="int8"),
        name(rev=recipe.REV + 1),
    }
    assert len(names) == 7
    assert name(rev=recipe.REV) == name()
    before = name(weights=trained, arithmetic="int8")
    (trained / "efficientnet-lite0.int8.json").write_bytes(b"{}")
    middle = name(weights=trained, arithmetic="int8")
    (trained / "efficientnet-lite2.json").write_bytes(b"{}")
    last = name(weights=trained, arithmetic="int8")
    (trained / recipe.CASCADE_CARD).write_bytes(b"{}")
    assert len({before, middle, last, name(weights=trained, arithmetic="int8")}) == 4, "ranges and cards count"
    assert name() == name()


def test_two_trained_networks_have_their_card_beside_them(shipped: Path, trained: Path) -> None:
    assert planned(weights=trained, processor=lambda: AVX2).cascade_card == trained / recipe.CASCADE_CARD
    assert planned("efficientnet-lite2", weights=trained, processor=lambda: AVX2).cascade_card is None
    assert planned(processor=lambda: AVX2).cascade_card is None, "those on PyPI have none"
    for arch in recipe.ARCHITECTURES:
        (shipped / f"{arch}.safetensors").write_bytes(b"")
    assert planned(processor=lambda: AVX2).cascade_card == shipped / recipe.CASCADE_CARD


def test_int8_is_chosen_where_the_ranges_lie_beside_the_weights(trained: Path) -> None:
    assert planned(weights=trained, processor=lambda: AVX2).arithmetic == "float32"
    for arch in recipe.ARCHITECTURES:
        (trained / f"{arch}.int8.json").write_bytes(b"{}")
    assert planned(weights=trained, processor=lambda: AVX2).arithmetic == "int8"


def test_a_model_of_ones_own_has_a_revision_of_its_own(tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    head.write_bytes(b"{}")
    of_hub: dict[str, Any] = {"backbone": "hf-hub:timm/x", "head": head, "processor": lambda: AVX2}
    assert planned(processor=lambda: AVX2).rev == planned(**of_hub).rev == recipe.REV
    assert planned(rev=7, processor=lambda: AVX2).rev == planned(rev=7, **of_hub).rev == 7
    assert planned(rev=7, **of_hub).name != planned(**of_hub).name


def test_a_head_is_for_one_network(tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    head.write_bytes(Head.of("efficientnet-lite2").to_json())
    assert name(head=head).startswith("efficientnet-lite2-int8-")
    assert name(head=head) != name(arch="efficientnet-lite2")


def test_a_folder_without_a_networks_weights_tells_how_to_get_them(trained: Path) -> None:
    (trained / "efficientnet-lite2.safetensors").unlink()
    with pytest.raises(
        ValueError, match=r"lite2: train with .*--arch efficientnet-lite2`, or export .* --arch efficientnet-lite0$"
    ):
        planned(weights=trained, processor=lambda: AVX2)
    assert planned("efficientnet-lite0", weights=trained, processor=lambda: AVX2).cascade_card is None
    (trained / "efficientnet-lite0.safetensors").unlink()
    with pytest.raises(ValueError, match=r"no weights of efficientnet-lite0 and efficientnet-lite2: train with[^,]*$"):
        planned(weights=trained, processor=lambda: AVX2)


@pytest.mark.parametrize("text", ["", "[]", '{"weight": []}'])
def test_a_damaged_head_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "head.json").write_text(text)
    made = planned(head=tmp_path / "head.json", processor=lambda: AVX2)
    with pytest.raises(ValueError, match=r"head.json is no head: .*`petstream model fit` wrote"):
        made.parts()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"arch": "resnet"}, "--arch is one of cascade, efficientnet-lite0, efficientnet-lite2"),
        ({"arithmetic": "int4"}, "--arithmetic is one of float32, bfloat16, int8"),
        ({"rev": 0}, "--rev is 1 to 2147483647"),
        ({"rev": 2**31}, "--rev is 1 to 2147483647"),
        ({"weights": Path(__file__)}, "choose one with --arch, or name a folder that holds efficientnet-lite0.safe"),
        ({"arch": "cascade", "head": Path("head.json")}, "a cascade has two networks"),
        ({"head": Path("head.json"), "weights": Path(__file__)}, "leave one of them out"),
        ({"backbone": "hf-hub:timm/resnet18"}, "fit one with `petstream model fit"),
        ({"backbone": "hf-hub:timm/x", "head": Path("h.json"), "arch": "efficientnet-lite0"}, "no --arch or --weights"),
    ],
)
def test_what_contradicts_itself_is_refused_with_what_to_do(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        planned(**given, processor=lambda: AVX2)
