import msgspec
import pytest
import torch

from inference.model.head import CATS, DOGS, EPSILON, Head, HeadModule, log_masses, membership
from inference.model.recipe import ARCHITECTURES, Arch

PLAIN = Head(
    weight=((1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0)), bias=(0, 0, 0), accept=0.5, metrics={}, provenance={}
)


def test_imagenet_has_five_cats_and_118_dogs() -> None:
    assert (len(CATS), len(DOGS)) == (5, 118)
    assert membership().sum(0).tolist() == [5, 118, 877, 8, 12]


def test_a_sure_class_has_all_the_mass() -> None:
    logits = torch.zeros(3, 1000)
    for row, number in enumerate((283, 200, 500)):
        logits[row, number] = 40
    features = log_masses(logits, membership())
    assert features[:, :3].argmax(1).tolist() == [0, 1, 2]
    assert features.min() >= torch.log(torch.tensor(EPSILON)) - 1e-3
    assert torch.isfinite(features).all()


def test_wild_relatives_are_no_pets() -> None:
    logits = torch.zeros(2, 1000)
    logits[0, 269] = logits[1, 286] = 40  # timber wolf, cougar
    features = log_masses(logits, membership())
    assert features.argmax(1).tolist() == [2, 2]
    assert features[0, 4] > -0.01
    assert features[1, 3] > -0.01


def test_scores_sum_to_one() -> None:
    scores = HeadModule(PLAIN)(torch.randn(7, 1000, generator=torch.Generator().manual_seed(0)))
    assert scores.shape == (7, 3)
    assert torch.allclose(scores.sum(1), torch.ones(7))


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        msgspec.structs.replace(PLAIN, bias=(0.0, float("nan"), 0.0))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_shipped_head_says_where_it_comes_from(arch: Arch) -> None:
    head = Head.of(arch)
    assert sum(head.provenance["pictures"].values()) > 300
    assert len(head.provenance["pictures_sha256"]) == 64
    assert head.metrics["cat_dog_accuracy"] > 0.97
    assert msgspec.json.decode(head.to_json(), type=Head) == head
