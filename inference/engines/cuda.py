"""
The engine for NVIDIA GPUs: runs the TorchScript module in half precision, in a few prepared batch sizes.

All of it except the CUDA graphs runs on any device of torch; tests use "cpu".
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

HALF_TOLERANCE: Final = (
    0.25  # of a log-score; measured: at most 0.044 near the floor, while a wrong layer gives 1 or more
)
_HALF_DIFFERENCE: Final = 0.01  # of a score
_SLOTS: Final = 2  # while the device computes one part of a large batch, the host fills the next
_ROUNDS: Final = 3  # the first loads libraries and allocates memory


def missing() -> str | None:
    """Why there is no usable CUDA device, and what to do; None if there is one."""
    with warnings.catch_warnings(record=True) as caught:  # torch warns once of a driver that is too old
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    if torch.version.cuda is None:
        return (
            f"torch {torch.__version__} is built without CUDA: install a build with it, or set ENGINE=auto to run on "
            "the processor."
        )
    grounds = f" ({str(caught[0].message).splitlines()[0][:200]})" if caught else ""
    return (
        f"torch {torch.__version__} sees no CUDA device{grounds}: nvidia-smi must list one here (a container needs "
        "`--gpus all` or the resource nvidia.com/gpu), CUDA_VISIBLE_DEVICES must not hide it, and the driver must "
        f"support CUDA {torch.version.cuda}. Or set ENGINE=auto to run on the processor."
    )


def device_name() -> str:
    """The name of the device."""
    return torch.cuda.get_device_name()


def build(
    content: bytes, device: Literal["cpu", "cuda"], side: int, *, max_batch_size: int, options: Options
) -> "CudaEngine":
    """
    The engine for a model file; see the class.

    Raises:
        NotTorchScript: torch cannot read the file.
        MemoryError: the device has too little memory.
    """
    try:
        return CudaEngine(load_module(content, device), side, max_batch_size=max_batch_size, options=options)
    except torch.OutOfMemoryError as error:
        raise MemoryError(str(error)) from error


class CudaEngine:
    """
    Uses fixed batch sizes, pinned memory, two streams (copy and compute) and CUDA graphs. Warm once constructed.

    The process uses the first visible device (CUDA_VISIBLE_DEVICES). Several workers may share a device. If the device
    runs out of memory or is lost, ``run`` raises torch's errors.

    Attributes:
        name: the engine, its device, its precision, and whether it runs graphs.
        notes: options that could not be used, and why.
        tolerance: the allowed deviation of its golden answers, in a log-score.
    """

    lanes = 1  # one larger batch is faster than two at a time

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
            module: loaded with ``map_location=device``, since ``.to`` does not move frozen weights.
            side: side of its pictures, in pixels.
            max_batch_size: larger batches, and those above 128, are split.
            options: precision and graphs.
            device: cuda, or cpu in tests.

        Raises:
            ValueError: the module does not return one row per picture.
            Exception: any error of torch on a module that it cannot run.
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
        pending: deque[tuple[Slot, slice]] = deque()
        with self._on_device():
            for number, part in enumerate(parts(len(images), self._buckets[-1])):
                if len(pending) == _SLOTS:
                    _collect(pending, scores)
                slot = number % _SLOTS
                self._start(slot, images[part])
                pending.append((self._slots[slot], part))
            while pending:
                _collect(pending, scores)
        return scores

    def close(self) -> None:
        """See Engine."""
        self._graphs = {}
        self._slots = []
        self._forward = _closed
        if self._cuda:
            torch.cuda.empty_cache()  # other processes may share the device

    def _start(self, number: int, images: Sequence[NDArray[np.uint8]]) -> None:
        """Start the device on one batch in a slot. Does not wait for it."""
        slot, bucket = self._slots[number], bucket_for(len(images))
        slot.free()  # an earlier batch may have failed and left it in use
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
        """Switch to half precision if the scores stay close enough; else returns why not."""
        images = self._patterns()
        expected = self.run(images)
        try:
            self._forward = halved(module)
            self._settle()
            actual = self.run(images)
        except Exception as error:  # noqa: BLE001 - any module's error: it runs in float32
            self._forward = module
            return f"{type(error).__name__}: {_first_line(error)}"
        difference, logarithms = float(np.abs(expected - actual).max()), golden.deviation(expected, actual)
        if difference <= _HALF_DIFFERENCE and logarithms <= HALF_TOLERANCE:  # also False for NaN
            return None
        self._forward = module
        return f"scores would be off by {difference:.2g}, log-scores by {logarithms:.2g}"

    def _warm_up(self) -> None:
        picture = self._patterns()[0]
        for bucket in self._buckets:
            for _ in range(_ROUNDS):
                self.run([picture] * bucket)

    def _record(self) -> str | None:
        """Record a graph per slot and batch size, and compare its scores; returns why not if that fails."""
        pool = torch.cuda.graph_pool_handle()
        patterns = self._patterns()
        try:
            for bucket in reversed(self._buckets):  # the largest first: the others reuse its memory
                images = [patterns[i % len(patterns)] for i in range(bucket)]
                expected = self.run(images)
                for number, slot in enumerate(self._slots):
                    graph = torch.cuda.CUDAGraph()
                    # thread_local: another model may be serving in this process meanwhile.
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
                        return f"for {bucket} images their scores differ"
        except Exception as error:  # noqa: BLE001 - it works without graphs, only slower
            return f"{type(error).__name__}: {_first_line(error)}"
        return None

    def _patterns(self) -> list[NDArray[np.uint8]]:
        return golden.drawn(self._side)

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """
        Sets this thread's torch for inference on the device.

        Disables TorchScript's optimiser: it would fuse little, but recompile for each batch size.
        """
        here: AbstractContextManager[Any] = torch.cuda.device(self._device) if self._cuda else nullcontext()
        unoptimised = torch.jit.optimized_execution(False)  # type: ignore[attr-defined] # noqa: FBT003 - torch's
        with here, torch.inference_mode(), unoptimised:
            yield

    def _settle(self) -> None:
        """Wait for torch's default stream, since our streams do not."""
        if self._cuda:
            torch.cuda.synchronize(self._device)

    def _stream(self, which: Literal["_copy", "_compute"]) -> AbstractContextManager[Any]:
        return torch.cuda.stream(getattr(self, which)) if self._cuda else nullcontext()


def _collect(pending: deque[tuple[Slot, slice]], scores: NDArray[np.float32]) -> None:
    """Copy the rows of the oldest part into ``scores``."""
    slot, part = pending.popleft()
    scores[part] = slot.scores(part.stop - part.start)


def _set_up_cuda() -> None:
    """Set torch's process-wide flags; nothing else in a worker computes on the device."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def _first_line(error: Exception) -> str:
    return next((line.strip()[:200] for line in str(error).splitlines() if line.strip()), "")


def _closed(_: Tensor) -> Tensor:
    raise RuntimeError("the engine is closed")
