"""
The first classifier of a training: a linear probe, fitted to the features of the network that is not trained yet.

With random numbers instead, the first steps would train the network towards noise.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

PENALTY: Final = 3e-3  # on the squared standardised weights; need not be the best, since training goes on from here
_LEAST_DEVIATION: Final = 1e-3  # a feature that is (almost) constant must not be divided by nothing


def linear_probe(features: Tensor, labels: Tensor, chances: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    """
    Multinomial logistic regression with pictures weighted as training draws them.

    Args:
        features: (N, F), of any floating type.
        labels: int64 (N,), 0 to 2.
        chances: the weight of each picture, adding up to 1; see ``sampling.probabilities``.

    Returns:
        Weights (3, F) and biases (3,) for the features as given, float64.
    """
    features, weights = features.double(), torch.from_numpy(chances)
    mean, deviation = features.mean(0), features.std(0) + _LEAST_DEVIATION
    standard = (features - mean) / deviation
    weight = torch.zeros(3, features.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        losses = nn.functional.cross_entropy(standard @ weight.T + bias, labels, reduction="none")
        value = (losses * weights).sum() + PENALTY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call] # torch leaves it untyped
    folded = (weight / deviation).detach()
    return folded, (bias - folded @ mean).detach()
