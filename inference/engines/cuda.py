"""
The engine for NVIDIA GPUs: the same TorchScript module, in half precision, in few batch sizes that are prepared.

Every part of it but the graphs runs on any of torch's devices: ``device`` is a parameter, and tests say "cpu".
"""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.buckets import BUCKETS, bucket_for, buckets, parts
from inference.engines.convolutions import without_tf32
from inference.engines.cuda_options import DEFAULTS, Options
from inference.engines.half import Forward, halved
from inference.engines.module import load as load_module
from inference.engines.staging import Slot
from inference.model import golden

HALF_TOLERANCE: Final = 0.25  # of a log-score: 0.044 was seen of one near the floor; a wrong layer makes 1 and more
_HALF_DIFFERENCE: Final = 0.01  # of a score
_SLOTS: Final = 2  # while the device computes one part of a large batch, the host fills the next
_ROUNDS: Final = 3  # libraries are loaded and memory is found in the first; the others see it as it will be


def missing() -> str | None:
    """Why there is no CUDA device, and what to do about it, as a sentence; None if there is one."""
    with warnings.catch_warnings(record=True) as said:  # torch warns of a driver that is too old, once
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} is built without CUDA: install a build with it, or set ENGINE=auto to run on "
            "the processor."
        )
    grounds = f" ({str(said[0].message).splitlines()[0][:200]})" if said else ""
    return (
        f"torch {torch.__version__} sees no CUDA device{grounds}: nvidia-smi must list one here (a container needs "
        "`--gpus all` or the resource nvidia.com/gpu), CUDA_VISIBLE_DEVICES must not hide it, and the driver must "
        f"support CUDA {torch.version.cuda}. Or set ENGINE=auto to run on the processor."
    )


def device_name() -> str:
    """What the device calls itself."""
    return torch.cuda.get_device_name()


def build(
    content: bytes, device: Literal["cpu", "cuda"], side: int, *, max_batch_size: int, options: Options
) -> "CudaEngine":
    """
    The engine for a model file; see the class.

    Raises:
        NotTorchScript: if torch cannot read it.
        MemoryError: if the device has too little memory; torch's own error is no such one.
    """
    try:
        return CudaEngine(load_module(content, device), side, max_batch_size=max_batch_size, options=options)
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error


class CudaEngine:
    """
    Buckets, pinned memory, two streams (one copies, one computes), graphs. Ready, and warm in every bucket, when made.

    A process uses the first device that it sees: CUDA_VISIBLE_DEVICES says which that is. Several workers may share
    one. A device that runs out of memory, or is lost, raises torch's errors from ``run``, which are nobody's picture's.

    Attributes:
        name: the engine, its device, its precision, and whether it runs graphs.
        notes: what was asked for and not possible, and why; sentences.
        tolerance: how far its golden answers may be off, in a log-score.
    """

    lanes = 1  # a device takes the larger batch sooner than two of them

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        side: int,
        *,
        max_batch_size: int,
        options: Options = DEFAULTS,
        device: str = "cuda",
    ) -> None:
        """
        Args:
            module: loaded with ``map_location=device``: frozen weights are constants, which ``.to`` leaves.
            side: of its pictures, in pixels.
            max_batch_size: of the batches that will come; larger ones, and those above 128, go in parts.
            options: see the class.
            device: cuda, or cpu in tests.

        Raises:
            ValueError: if the module does not give one row for each picture.
            Exception: whatever torch raises on a module that it cannot run.
        """
        self.notes: list[str] = []
        self._device = torch.device(device)
        self._cuda = self._device.type == "cuda"
        self._side = side
        self._buckets = buckets(min(max_batch_size, BUCKETS[-1]))
        if self._cuda:
            self._device = torch.device("cuda", torch.cuda.current_device())
            self._compute = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call] # torch leaves it untyped
            self._copy = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call] # torch leaves it untyped
            _set_up_cuda()
        module = without_tf32(module)
        self._forward: Forward = module
        self._labels = self._width()
        self._slots = [Slot(self._device, self._buckets[-1], side, self._labels) for _ in range(_SLOTS)]
        self._settle()
        self._graphs: dict[tuple[int, int], tuple[Any, Tensor]] = {}
        precision = options.precision
        if precision == "half" and (why_not := self._halve(module)):
            self.notes.append(f"half precision is not used: {why_not}")
            precision = "float32"
        self.tolerance = HALF_TOLERANCE if precision == "half" else golden.TOLERANCE
        self._warm_up()
        if options.graphs and (why_not := self._record() if self._cuda else "they are for CUDA devices"):
            self._graphs = {}
            self.notes.append(f"graphs are not used: {why_not}")
        self.name = f"cuda {self._device} {precision}{' graphs' if self._graphs else ''}"

    def run(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """See Engine."""
        scores = np.empty((len(images), self._labels), np.float32)
        under_way: deque[tuple[Slot, slice]] = deque()
        with self._on_device():
            for number, part in enumerate(parts(len(images), self._buckets[-1])):
                if len(under_way) == _SLOTS:
                    _collect(under_way, scores)
                slot = number % _SLOTS
                self._start(slot, images[part])
                under_way.append((self._slots[slot], part))
            while under_way:
                _collect(under_way, scores)
        return scores

    def close(self) -> None:
        """See Engine."""
        self._graphs = {}
        self._slots = []
        self._forward = _closed
        if self._cuda:
            torch.cuda.empty_cache()  # other processes may share the device

    def _start(self, number: int, images: Sequence[NDArray[np.uint8]]) -> None:
        """Have the device work on at most a bucketful of images in a slot; returns before it has."""
        slot, bucket = self._slots[number], bucket_for(len(images))
        slot.free()  # a batch before this one may have failed half-way and left it in use
        slot.stage(images, bucket)
        with self._stream("_copy"):
            slot.send(bucket)
        with self._stream("_compute"):
            if self._cuda:
                self._compute.wait_stream(self._copy)
            if (number, bucket) in self._graphs:
                graph, scores = self._graphs[number, bucket]
                graph.replay()
            else:
                scores = self._forward(slot.pixels[:bucket]).float()
            if scores.shape != (bucket, self._labels):
                raise ValueError(f"the module gives {tuple(scores.shape)} for {bucket} images")
            slot.fetch(scores)

    def _width(self) -> int:
        with self._on_device():
            one = self._forward(torch.zeros(1, self._side, self._side, 3, dtype=torch.uint8, device=self._device))
        if one.dim() != 2 or one.shape[0] != 1:  # noqa: PLR2004 - rows and columns
            raise ValueError(f"the module gives {tuple(one.shape)} for one image")
        return int(one.shape[1])

    def _halve(self, module: torch.jit.ScriptModule) -> str | None:
        """Compute in half precision if the module still answers the same; why not, otherwise."""
        images = self._patterns()
        expected = self.run(images)
        try:
            self._forward = halved(module)
            self._settle()
            actual = self.run(images)
        except Exception as error:  # noqa: BLE001 - of anybody's module: it runs as it is, and says why
            self._forward = module
            return f"{type(error).__name__}: {_first_line(error)}"
        difference, logarithms = float(np.abs(expected - actual).max()), golden.deviation(expected, actual)
        if difference <= _HALF_DIFFERENCE and logarithms <= HALF_TOLERANCE:  # false for what is not a number, too
            return None
        self._forward = module
        return f"scores would be off by {difference:.2g}, log-scores by {logarithms:.2g}"

    def _warm_up(self) -> None:
        picture = self._patterns()[0]
        for bucket in self._buckets:
            for _ in range(_ROUNDS):
                self.run([picture] * bucket)

    def _record(self) -> str | None:
        """Record every bucket of every slot, and compare; why not, if that fails or a graph answers otherwise."""
        pool = torch.cuda.graph_pool_handle()
        patterns = self._patterns()
        try:
            for bucket in reversed(self._buckets):  # the largest first: the others find room in its memory
                images = [patterns[i % len(patterns)] for i in range(bucket)]
                expected = self.run(images)
                for number, slot in enumerate(self._slots):
                    graph = torch.cuda.CUDAGraph()
                    # thread_local: elsewhere in the process a model may be serving meanwhile.
                    capture = torch.cuda.graph(
                        graph, pool=pool, stream=self._compute, capture_error_mode="thread_local"
                    )
                    with self._on_device(), capture:
                        scores = self._forward(slot.pixels[:bucket]).float()
                    self._graphs[number, bucket] = graph, scores
                    with self._on_device():
                        self._start(number, images)
                        actual = slot.scores(bucket)
                    if not np.allclose(expected, actual, rtol=0, atol=1e-3):
                        return f"for {bucket} images they answer otherwise"
        except Exception as error:  # noqa: BLE001 - without graphs it is slower, and right
            return f"{type(error).__name__}: {_first_line(error)}"
        return None

    def _patterns(self) -> list[NDArray[np.uint8]]:
        return golden.drawn(self._side)

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """
        This thread's torch, set for inference on the device.

        The executor interprets the graph as it stands: what it would fuse is little, and it would compile it anew,
        at moments of its own choosing, for every size of batch.
        """
        here: AbstractContextManager[Any] = torch.cuda.device(self._device) if self._cuda else nullcontext()
        as_it_stands = torch.jit.optimized_execution(False)  # type: ignore[attr-defined] # noqa: FBT003 - torch's
        with here, torch.inference_mode(), as_it_stands:
            yield

    def _settle(self) -> None:
        """Wait for what was loaded, cast and cleared on torch's default stream, which ours do not wait for."""
        if self._cuda:
            torch.cuda.synchronize(self._device)

    def _stream(self, which: Literal["_copy", "_compute"]) -> AbstractContextManager[Any]:
        return torch.cuda.stream(getattr(self, which)) if self._cuda else nullcontext()


def _collect(under_way: deque[tuple[Slot, slice]], scores: NDArray[np.float32]) -> None:
    """Move the oldest part's rows to their place."""
    slot, part = under_way.popleft()
    scores[part] = slot.scores(part.stop - part.start)


def _set_up_cuda() -> None:
    """Process-wide switches of torch: nothing else in a worker computes on the device."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def _first_line(error: Exception) -> str:
    return next((line.strip()[:200] for line in str(error).splitlines() if line.strip()), "")


def _closed(_: Tensor) -> Tensor:
    raise RuntimeError("the engine is closed")
