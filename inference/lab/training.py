"""
One training of a network on labelled pictures, which can be killed at any moment and continued.

The random numbers of a step follow from the seed, the run and the step, and not from what was drawn before. So the
position is all that a checkpoint has to say about them, and it does not matter how many processes prepare the pictures.
On one thread of a processor, a continued run ends with the same weights, bit for bit.
"""

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset

from inference.decode import Limits, decode
from inference.lab import checkpoint, sampling
from inference.lab.augment import augmentation
from inference.lab.examples import Example, stored
from inference.lab.folding import fold
from inference.lab.probe import linear_probe
from inference.lab.start import Start
from inference.manifest import InputSpec
from inference.model.architecture import normalised
from inference.prediction import LABELS

CHECKPOINT_STEPS: Final = 100
_EVALUATION_BATCH: Final = 32
_SHOWN_DECAY: Final = 0.98  # of the loss that is shown

Progress = Callable[[str, int, int], None]
"""Called with a stage, and how many of its parts are done and in total."""


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """
    The numbers of a training.

    ``size``: side of the training views in pixels; it should be that of the network's input. ``epochs``: length of
    the schedule; a run may end earlier. ``batch``: pictures of a step. ``learning_rate``: the greatest; it rises
    linearly over ``warmup_steps`` and falls along a cosine to ``last_rate`` of it. ``weight_decay``: of matrices and
    kernels only. ``clip_norm``: the greatest norm of a step's gradient. ``average_decay``: of the moving average of the
    weights, which is the result; its first steps count more.
    """

    size: int
    epochs: int = 6
    batch: int = 32
    learning_rate: float = 6e-5
    last_rate: float = 0.02
    warmup_steps: int = 100
    weight_decay: float = 0.02
    clip_norm: float = 2.0
    label_smoothing: float = 0.03
    average_decay: float = 0.998
    seed: int = 0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of ``step``, of ``steps`` of the whole schedule."""
        rising = min(1.0, (step + 1) / max(1, min(self.warmup_steps, steps // 5)))
        falling = 0.5 * (1 + math.cos(math.pi * step / steps))
        return self.learning_rate * rising * (self.last_rate + (1 - self.last_rate) * falling)

    def decay(self, updates: int) -> float:
        """The average's decay after so many updates. Source: tf.train.ExponentialMovingAverage, num_updates."""
        return min(self.average_decay, (updates + 1) / (updates + 20))


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where the network computes, and how many other processes prepare its pictures (0: none)."""

    device: torch.device
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """
    One training: its number (of the random numbers), the pictures that are fitted and held out, the epochs until it
    ends, and its name for people.
    """

    number: int
    fitted: Sequence[Example]
    held_out: Sequence[Example]
    epochs: int
    name: str


@dataclass(slots=True)
class Result:
    """
    ``state``: the averaged network's tensors by name, on the CPU. ``logits``: of the held-out pictures after each
    epoch, float32 (N, 3). ``seconds``: of training, over all continuations.
    """

    state: dict[str, Tensor] = field(repr=False)
    logits: list[Tensor]
    seconds: float


class Trainer:
    """Trains networks of one kind by one recipe; see ``run``."""

    def __init__(self, start: Start, recipe: Recipe, hardware: Hardware, pictures: Path) -> None:
        """``pictures`` is the folder of ``examples.store``."""
        self._start = start
        self._recipe = recipe
        self._hardware = hardware
        self._pictures = pictures

    def features(self, examples: Sequence[Example], progress: Callable[[int, int], None]) -> Tensor:
        """What the classifier of the network before training is given for each picture, float32 (N, F)."""
        network = self._built()
        network.classifier = nn.Identity()
        return self._outputs(network, examples, progress)

    def logits(
        self, state: dict[str, Tensor], examples: Sequence[Example], progress: Callable[[int, int], None]
    ) -> Tensor:
        """The logits of a network with these tensors for each picture as it is served, float32 (N, 3)."""
        network = self._built()
        network.load_state_dict(network.state_dict() | state)
        return self._outputs(network, examples, progress)

    def steps(self, fitted: Sequence[Example]) -> int:
        """The steps of an epoch."""
        return math.ceil(len(fitted) / self._recipe.batch)

    def run(self, run: Run, features: Tensor, file: Path, progress: Progress, report: Callable[[str], None]) -> Result:
        """
        Train, or continue what ``file`` has.

        Args:
            run: what to fit.
            features: of the fitted pictures, as ``features`` gives them.
            file: the run's checkpoint.
            progress: told each step.
            report: called with a sentence after each epoch.

        Raises:
            OSError: a picture cannot be read, or a checkpoint not written.
            ValueError: the loss is no longer finite, or the checkpoint is damaged.
        """
        before = checkpoint.load(file)
        if before is not None and before["done"]:
            return Result(before["average"], before["logits"], before["seconds"])
        chances = sampling.probabilities([each.label for each in run.fitted], [each.slice for each in run.fitted])
        labels = torch.tensor([LABELS.index(each.label) for each in run.fitted])
        network = self._built()
        if before is None:
            weight, bias = linear_probe(features, labels, chances)
            classifier = cast("nn.Linear", network.classifier)
            with torch.no_grad():
                classifier.weight.copy_(weight)
                classifier.bias.copy_(bias)
        size = self._recipe.size
        state = _State(network, self._recipe, self._input(torch.zeros(1, 3, size, size, dtype=torch.uint8)))
        if before is not None:
            state.restore(before)
        steps = self.steps(run.fitted)
        for epoch in range(len(state.logits), run.epochs):
            rest = range(state.step, (epoch + 1) * steps)
            self._epoch(run, state, chances, rest, file=file, progress=progress)
            judging = functools.partial(progress, f"{run.name}, judging epoch {epoch + 1}")
            state.logits.append(self._outputs(state.average.module, run.held_out, judging))
            state.save(file, done=epoch + 1 == run.epochs)
            report(_told(run, state, epoch))
        return Result(state.averaged(), state.logits, state.seconds)

    def _epoch(
        self, run: Run, state: "_State", chances: NDArray[np.float64], steps: range, *, file: Path, progress: Progress
    ) -> None:
        """The steps of an epoch, or of the rest of it."""
        total, schedule = run.epochs * self.steps(run.fitted), self._recipe.epochs * self.steps(run.fitted)
        views = _Views([stored(self._pictures, each) for each in run.fitted], self._recipe, run.number)
        batches = [
            [(step, at, int(picture)) for at, picture in enumerate(chosen)]
            for step in steps
            for chosen in [sampling.drawn(chances, self._recipe.batch, (self._recipe.seed, run.number, step))]
        ]
        labels = torch.tensor([LABELS.index(each.label) for each in run.fitted])
        begun = time.monotonic()
        for step, (images, pictures) in zip(steps, self._loaded(views, batches), strict=True):
            loss = state.update(self._input(images), labels[pictures].to(self._hardware.device), schedule)
            if not math.isfinite(loss):
                raise ValueError(f"{run.name}: the loss of step {step + 1} is {loss}. Take a smaller --learning-rate")
            progress(f"{run.name}, loss {state.shown_loss:.3f}", step + 1, total)
            if (step + 1) % CHECKPOINT_STEPS == 0:
                state.seconds += time.monotonic() - begun
                begun = time.monotonic()
                state.save(file, done=False)
        state.seconds += time.monotonic() - begun

    def _built(self) -> nn.Module:
        return self._start.build().to(self._hardware.device).to(memory_format=torch.channels_last)

    def _outputs(self, network: nn.Module, examples: Sequence[Example], progress: Callable[[int, int], None]) -> Tensor:
        """What the network gives for the pictures as they are served, on the CPU; (0, 3) without pictures."""
        if not examples:
            return torch.zeros(0, len(LABELS))
        network.eval()
        inputs = _Inputs([stored(self._pictures, each) for each in examples], self._start.input)
        at = range(len(examples))
        batches = [list(at[begin : begin + _EVALUATION_BATCH]) for begin in at[::_EVALUATION_BATCH]]
        found: list[Tensor] = []
        with torch.no_grad():
            for batch, images in zip(batches, self._loaded(inputs, batches), strict=True):
                found.append(network(self._input(images)).float().cpu())
                progress(batch[-1] + 1, len(examples))
        return torch.cat(found)

    def _input(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, S, S) → what the network takes, on its device."""
        images = images.to(self._hardware.device, non_blocking=True)
        return normalised(images.permute(0, 2, 3, 1)).contiguous(memory_format=torch.channels_last)

    def _loaded(self, pictures: "Dataset[Any]", batches: Sequence[Sequence[Any]]) -> Iterator[Any]:
        return iter(
            DataLoader(
                pictures,
                batch_sampler=batches,  # type: ignore[arg-type] # any iterable of lists is one
                num_workers=self._hardware.workers,
                pin_memory=self._hardware.device.type == "cuda",
            )
        )


class _State:
    """All that decides how a run goes on."""

    def __init__(self, network: nn.Module, recipe: Recipe, images: Tensor) -> None:
        """``images``: an input of ``network``; see ``fold``."""
        self.network = network
        self._recipe = recipe
        matrices = [each for each in network.parameters() if each.ndim > 1]
        vectors = [each for each in network.parameters() if each.ndim <= 1]
        self._optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
        )
        self.average = AveragedModel(network, multi_avg_fn=self._averaged)
        fold(network, images)  # after the average was copied from it
        self.step = 0
        self.logits: list[Tensor] = []
        self.seconds = 0.0
        self.shown_loss = 0.0

    def update(self, images: Tensor, labels: Tensor, schedule: int) -> float:
        """One step of the optimiser and of the average; the step's loss."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._recipe.rate(self.step, schedule)
        loss = nn.functional.cross_entropy(self.network(images), labels, label_smoothing=self._recipe.label_smoothing)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it untyped
        nn.utils.clip_grad_norm_(self.network.parameters(), self._recipe.clip_norm)
        self._optimiser.step()
        self.average.update_parameters(self.network)
        self.step += 1
        value = loss.item()
        self.shown_loss = _SHOWN_DECAY * self.shown_loss + (1 - _SHOWN_DECAY) * value if self.step > 1 else value
        return value

    def averaged(self) -> dict[str, Tensor]:
        """The average's tensors by the network's names, on the CPU."""
        return {name: tensor.cpu() for name, tensor in self.average.module.state_dict().items()}

    def save(self, file: Path, *, done: bool) -> None:
        """Write a checkpoint; of a run that is done, only the result."""
        result = {"done": done, "average": self.averaged(), "logits": self.logits, "seconds": self.seconds}
        position = {
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "averages": int(self.average.n_averaged),
            "step": self.step,
            "shown_loss": self.shown_loss,
        }
        checkpoint.save(file, result if done else result | position)

    def restore(self, before: dict[str, Any]) -> None:
        """Go back to a checkpoint."""
        self.network.load_state_dict(before["network"])
        self._optimiser.load_state_dict(before["optimiser"])
        self.average.module.load_state_dict(before["average"])
        self.average.n_averaged.fill_(before["averages"])
        self.step, self.logits = before["step"], before["logits"]
        self.seconds, self.shown_loss = before["seconds"], before["shown_loss"]

    def _averaged(self, average: Sequence[Tensor], current: Sequence[Tensor], updates: Tensor | int) -> None:
        weight = 1 - self._recipe.decay(int(updates))
        for old, new in zip(average, current, strict=True):
            old.lerp_(new, weight)


class _Views(Dataset[tuple[Tensor, int]]):
    """Augmented pictures by (step, place in the batch, picture): uint8 (3, S, S), and the picture's number."""

    def __init__(self, files: Sequence[Path], recipe: Recipe, run: int) -> None:
        self._files = files
        self._seed = (recipe.seed, run)
        self._augmented = augmentation(recipe.size)

    def __getitem__(self, key: tuple[int, int, int]) -> tuple[Tensor, int]:
        step, place, picture = key
        torch.default_generator.manual_seed(_seed(*self._seed, step, place))
        with Image.open(self._files[picture]) as image:
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        return self._augmented(pixels), picture


class _Inputs(Dataset[Tensor]):
    """Pictures as the product serves them, by number: uint8 (3, S, S)."""

    def __init__(self, files: Sequence[Path], spec: InputSpec) -> None:
        self._files = files
        self._spec = spec

    def __getitem__(self, picture: int) -> Tensor:
        pixels = decode(self._files[picture].read_bytes(), self._spec, Limits())
        return torch.from_numpy(pixels).permute(2, 0, 1)


def _seed(*numbers: int) -> int:
    """A generator's seed out of the numbers that name a draw, 0 to 2**63 - 1."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _told(run: Run, state: _State, epoch: int) -> str:
    told = f"{run.name}, epoch {epoch + 1} of {run.epochs}: loss {state.shown_loss:.4f}"
    if run.held_out:
        labels = torch.tensor([LABELS.index(each.label) for each in run.held_out])
        told += f", held-out log loss {float(nn.functional.cross_entropy(state.logits[-1], labels)):.4f}"
    return f"{told}, {state.seconds / 60:.1f} min"
