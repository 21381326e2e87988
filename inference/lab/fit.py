"""
Fits the head's 18 parameters to labelled pictures, for ``petstream model fit``.

Multinomial logistic regression on five standardised features; the standardisation is folded into the parameters. The
metrics are cross-validated: each picture is predicted by a head that was fitted without it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.decode import Limits, decode
from inference.errors import RejectedImage
from inference.lab.evaluate import Labelled, evaluate, pictures_digest, read_labels
from inference.manifest import InputSpec
from inference.model.backbones import Backbone, logits
from inference.model.head import Head, log_masses, membership
from inference.prediction import LABELS, Label, Prediction, decide, normalise

ACCEPT: Final = 0.5  # more likely a pet than not, if the scores are right; not tuned
PENALTY: Final = 1e-4  # on the squared standardised weights; has the lowest validation loss of 1e-3, 1e-4 and 1e-5
VIEWS: Final = (0.875, 0.95, 1.0)  # three crops per picture: a quarter less loss than one
FOLDS: Final = 5
SEED: Final = 0
SCRIPT_VERSION: Final = 1
_BATCH: Final = 8


def fit(
    labels_csv: Path, backbone: Backbone, *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Head:
    """
    The head for ``backbone`` on the pictures of ``labels_csv`` (labels cat, dog, neither; at least ``FOLDS`` of each).

    Uses the service's decoding, and float64 on the CPU. The same pictures and packages give the same parameters to
    about 1e-9. A picture that is listed several times counts once: else it could be fitted and held out.

    Args:
        labels_csv: see ``evaluate.read_labels``.
        backbone: gives the features.
        progress: called with the number of forward passes done and in total; the rest takes a second.

    Raises:
        OSError: the table or a picture cannot be read.
        ValueError: a label is a reason of rejection, a label has fewer than ``FOLDS`` pictures, a picture has two
            labels, or does not decode.
    """
    pictures = _pictures(read_labels(labels_csv))
    files, rows = list(pictures), list(pictures.values())
    labels = [_class(row) for row in rows]
    if scarce := [label for label in LABELS if labels.count(label) < FOLDS]:
        raise ValueError(f"{labels_csv} has too few pictures labelled {', '.join(scarce)}: at least {FOLDS} of each")
    spec = backbone.input
    inputs = [spec, *(InputSpec(size=spec.size, resize=round(spec.size / crop)) for crop in VIEWS)]
    total = len(inputs) * len(rows)
    passes: list[Tensor] = []
    for each in inputs:
        done = len(passes) * len(rows)
        passes.append(_features(rows, files, backbone, each, lambda n, done=done: progress(done + n, total)))  # type: ignore[misc] # the default binds the loop's value
    features, views = passes[0], torch.stack(passes[1:])
    targets = torch.tensor([LABELS.index(label) for label in labels])
    weight, bias = _regress(views, targets)
    return Head(
        weight=tuple(tuple(row) for row in weight.tolist()),  # type: ignore[arg-type] # shape (3, 5), checked on reading
        bias=tuple(bias.tolist()),
        accept=ACCEPT,
        metrics=evaluate(labels, _cross_validated(features, views, targets)).metrics(),
        provenance={
            "pictures": {label: labels.count(label) for label in LABELS},
            "pictures_sha256": pictures_digest(files, labels),
            "backbone": backbone.provenance,
            "input": {"size": spec.size, "resize": spec.resize},
            "script_version": SCRIPT_VERSION,
            "torch": str(torch.__version__),
            "penalty": PENALTY,
            "views": VIEWS,
            "validation": {"folds": FOLDS, "seed": SEED},
        },
    )


def _pictures(rows: Sequence[Labelled]) -> dict[bytes, Labelled]:
    """The row that names each file first, by the file's bytes."""
    first: dict[bytes, Labelled] = {}
    for row in rows:
        label, earlier = _class(row), first.setdefault(row.read(), row)
        if label != earlier.expected:
            raise ValueError(
                f"{row.path} is labelled {label} ({row.place}), and the same picture is labelled {earlier.expected} "
                f"({earlier.place}): decide for one"
            )
    return first


def _class(row: Labelled) -> Label:
    if row.expected not in ("cat", "dog", "neither"):
        raise ValueError(f"{row.path} is labelled {row.expected}; a head is fitted to cat, dog and neither")
    return row.expected


def _features(
    rows: Sequence[Labelled],
    files: Sequence[bytes],
    backbone: Backbone,
    spec: InputSpec,
    advance: Callable[[int], None],
) -> Tensor:
    """float64 (N, 5): the log-masses of each picture."""
    matrix, batches = membership(), []
    with torch.inference_mode():
        for start in range(0, len(files), _BATCH):
            pixels = [_decode(rows[n], files[n], spec) for n in range(start, min(start + _BATCH, len(files)))]
            batches.append(log_masses(logits(backbone, torch.from_numpy(np.stack(pixels))), matrix))
            advance(start + len(pixels))
    return torch.cat(batches).double().clone()


def _decode(row: Labelled, file: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    try:
        return decode(file, spec, Limits())
    except RejectedImage as rejected:
        raise ValueError(f"{row.path} does not decode ({rejected}); take it out of the table") from rejected


def _regress(views: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """
    Fit weights (3, 5) and biases (3,) for unstandardised features, from views (V, N, 5) of N pictures and their labels.

    The objective is convex, so the initial values do not matter.
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
    """One prediction per picture, by a head fitted to the other folds. Folds are stratified by label."""
    order = np.random.default_rng(SEED).permutation(len(targets))
    order = order[np.argsort(targets.numpy()[order], kind="stable")]
    fold = torch.empty(len(targets), dtype=torch.int64)
    fold[torch.from_numpy(order)] = torch.arange(len(targets)) % FOLDS
    scores = torch.empty(len(targets), len(LABELS), dtype=torch.float64)
    for number in range(FOLDS):
        weight, bias = _regress(views[:, fold != number], targets[fold != number])
        scores[fold == number] = (features[fold == number] @ weight.T + bias).softmax(1)
    return [decide(normalise(*row), accept=ACCEPT) for row in scores.tolist()]
