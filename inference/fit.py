"""
Fits the head's 18 numbers to labelled pictures and writes them, with where they come from, to ``heads/<arch>.json``.

    python -m inference.fit LABELS.CSV efficientnet-lite2

Multinomial logistic regression on five standardised features; the standardisation is folded into the numbers. The
figures that go with them are cross-validated: each picture is judged by a head that has not seen it.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from inference.architecture import backbone, normalised, weights_path
from inference.decode import Limits, decode
from inference.evaluate import Labelled, evaluate, read_labels
from inference.head import Head, log_masses, membership
from inference.manifest import InputSpec
from inference.prediction import LABELS, Label, Prediction, decide, normalise
from inference.recipe import ARCHITECTURES, SOURCES, Arch

ACCEPT: Final = 0.5  # a picture is a pet if that is likelier than not; the scores are calibrated, so nothing to tune
PENALTY: Final = (
    1e-4  # on the squared standardised weights; of 1e-3, 1e-4 and 1e-5 the one with the least validated loss
)
VIEWS: Final = (0.875, 0.95, 1.0)  # each picture is learned at three crops: a quarter less loss than at one
FOLDS: Final = 5
SEED: Final = 0
SCRIPT_VERSION: Final = 1
_BATCH: Final = 8


def fit(labels_csv: Path, arch: Arch) -> Head:
    """
    The head for ``arch`` on the pictures of ``labels_csv`` (labels cat, dog, neither; at least ``FOLDS`` of each).

    Decoding is the product's own. Float64 on the CPU throughout; the same pictures and packages give the same numbers
    to about 1e-9.

    Raises:
        RejectedImage: if a picture does not decode: a training set has no business with those.
        ValueError: if a label is a reason for rejection.
    """
    rows = read_labels(labels_csv)
    labels = [_class(row) for row in rows]
    files = [row.path.read_bytes() for row in rows]
    network, spec = backbone(arch), SOURCES[arch].input
    features = _features(files, network, spec)
    views = torch.stack(
        [_features(files, network, InputSpec(size=spec.size, resize=round(spec.size / crop))) for crop in VIEWS]
    )
    targets = torch.tensor([LABELS.index(label) for label in labels])
    weight, bias = _regress(views, targets)
    return Head(
        weight=tuple(tuple(row) for row in weight.tolist()),  # type: ignore[arg-type] # shape (3, 5), checked on reading
        bias=tuple(bias.tolist()),
        accept=ACCEPT,
        metrics=evaluate(labels, _cross_validated(features, views, targets)).metrics(),
        provenance={
            "pictures": {label: labels.count(label) for label in LABELS},
            "pictures_sha256": _digest(files, labels),
            "backbone": {
                "package": SOURCES[arch].package,
                "weights_sha256": hashlib.sha256(weights_path(arch).read_bytes()).hexdigest(),
            },
            "input": {"size": SOURCES[arch].input.size, "resize": SOURCES[arch].input.resize},
            "script_version": SCRIPT_VERSION,
            "torch": str(torch.__version__),
            "penalty": PENALTY,
            "views": VIEWS,
            "validation": {"folds": FOLDS, "seed": SEED},
        },
    )


def _class(row: Labelled) -> Label:
    if row.expected not in ("cat", "dog", "neither"):
        raise ValueError(f"{row.path} is labelled {row.expected}; a head is fitted to cat, dog and neither")
    return row.expected


def _digest(files: Sequence[bytes], labels: Sequence[Label]) -> str:
    """Sha256 over the sorted lines "<sha256 of the file> <label>": the same for the same pictures in any order."""
    lines = sorted(f"{hashlib.sha256(file).hexdigest()} {label}\n" for file, label in zip(files, labels, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _features(files: Sequence[bytes], network: nn.Module, spec: InputSpec) -> Tensor:
    """float64 (N, 5): the log-masses of each picture."""
    matrix, batches = membership(), []
    with torch.inference_mode():
        for start in range(0, len(files), _BATCH):
            pixels = [decode(file, spec, Limits()) for file in files[start : start + _BATCH]]
            batches.append(log_masses(network(normalised(torch.from_numpy(np.stack(pixels)))), matrix))
    return torch.cat(batches).double().clone()


def _regress(views: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """
    Weights (3, 5) and biases (3,) on the features as they come, from views (V, N, 5) of N pictures and their labels.

    The objective is convex, so the start does not matter.
    """
    features, targets = views.flatten(0, 1), targets.repeat(len(views))
    mean, deviation = features.mean(0), features.std(0)
    standard = (features - mean) / deviation
    weight = torch.zeros(len(LABELS), features.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(len(LABELS), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=500, tolerance_grad=1e-10, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(standard @ weight.T + bias, targets) + PENALTY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call] # torch leaves it untyped
    folded = (weight / deviation).detach()
    return folded, (bias - folded @ mean).detach()


def _cross_validated(features: Tensor, views: Tensor, targets: Tensor) -> list[Prediction]:
    """One prediction for each picture, by a head fitted to the other folds; each fold has its share of each label."""
    order = np.random.default_rng(SEED).permutation(len(targets))
    order = order[np.argsort(targets.numpy()[order], kind="stable")]
    fold = torch.empty(len(targets), dtype=torch.int64)
    fold[torch.from_numpy(order)] = torch.arange(len(targets)) % FOLDS
    scores = torch.empty(len(targets), len(LABELS), dtype=torch.float64)
    for number in range(FOLDS):
        weight, bias = _regress(views[:, fold != number], targets[fold != number])
        scores[fold == number] = (features[fold == number] @ weight.T + bias).softmax(1)
    return [decide(normalise(*row), accept=ACCEPT) for row in scores.tolist()]


def main() -> None:
    """Fit and write the file; prints the cross-validated figures."""
    labels_csv, arch = sys.argv[1:]
    if arch not in ARCHITECTURES:
        raise SystemExit(f"unknown architecture {arch}; one of {', '.join(ARCHITECTURES)}")
    head = fit(Path(labels_csv), arch)
    output = Path(__file__).parent / "heads" / f"{arch}.json"
    output.write_bytes(head.to_json())
    sys.stdout.write(f"{output}: {head.metrics}\n")


if __name__ == "__main__":
    main()
