import pytest
import torch

from inference.lab.temperature import HIGH, LOW, temperature


@pytest.mark.parametrize("overconfident", [0.5, 1.0, 3.0])
def test_scores_that_are_too_sure_are_cooled_by_as_much(overconfident: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 3, generator=generator)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    assert temperature(overconfident * logits, labels) == pytest.approx(overconfident, rel=0.03)


def test_it_stays_bounded_where_all_labels_are_right_or_none() -> None:
    logits = torch.eye(3)
    assert temperature(logits, torch.tensor([0, 1, 2])) == pytest.approx(LOW)
    assert temperature(logits, torch.tensor([1, 2, 0])) == pytest.approx(HIGH)
