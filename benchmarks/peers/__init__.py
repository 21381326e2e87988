"""
Other ways to build the same pipeline, each as its documentation shows it, for the benchmark to compare with.

The list alone: nothing heavy is imported here, so a runner in another environment can read it and start them.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

PYTHON: Final = Path(".venv/peers/bin/python")  # of the environment that requirements.lock fills
READY: Final = "ready"  # the line that each consumer prints once it takes messages

# glibc keeps freed pages instead of returning them to the kernel after each forward. To be set before a process starts.
ALLOCATOR_TUNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
        "MALLOC_TRIM_THRESHOLD_": "8589934592",
        "MALLOC_TOP_PAD_": "268435456",
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a user turns: the environment of all processes, and how many consumers share the group."""

    environment: Mapping[str, str] = field(default_factory=dict)
    consumers: int = 1

    def __str__(self) -> str:
        named = [
            f"{name.removeprefix('PEER_').lower().replace('_', ' ')} {value}"
            for name, value in self.environment.items()
        ]
        return ", ".join([f"{self.consumers} process{'es' if self.consumers > 1 else ''}", *named])


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    One contender. Its programs are started in the repository's root.

    Besides the environment of its setting they need KAFKA_BOOTSTRAP_SERVERS, PEER_UPLOADS_TOPIC, PEER_RESULTS_TOPIC,
    PEER_GROUP_ID, S3_ENDPOINT_URL with credentials, MODEL_FILE and PEER_SERVER_PORT (a free one; only the model server
    and its consumer use it).

    ``library`` is the distribution that it stands for. ``settings`` are those to be tried, the most likely best first.
    """

    name: str
    title: str
    library: str
    consumer: str
    server: str | None = None
    settings: tuple[Setting, ...]

    def programs(self, python: Path = PYTHON, consumers: int = 1) -> tuple[tuple[str, ...], ...]:
        """The arguments of each process, in the order of starting; the last ``consumers`` of them will say READY."""
        modules = [*filter(None, [self.server]), *[self.consumer] * consumers]
        return tuple((str(python), "-m", f"{__name__}.{module}") for module in modules)

    def version(self, python: Path = PYTHON) -> str:
        """The version of the library in the peers' environment. Raises CalledProcessError if it is not there."""
        question = f"from importlib.metadata import version; print(version({self.library!r}))"
        return subprocess.run(
            [str(python), "-c", question], check=True, capture_output=True, text=True, timeout=30
        ).stdout.strip()


def _batches(*sizes: int) -> tuple[Setting, ...]:
    """One process with torch's own choice of threads, and two with a thread each."""
    one = [Setting({"PEER_BATCH": str(size)}) for size in sizes]
    two = [Setting({"PEER_BATCH": str(size), "PEER_TORCH_THREADS": "1"}, consumers=2) for size in sizes]
    return (*one, *two)


PEERS: Final = (
    Peer(
        name="aiokafka",
        title="aiokafka, a loop written by hand",
        library="aiokafka",
        consumer="aiokafka_loop",
        settings=_batches(8, 1, 32),
    ),
    Peer(
        name="faststream",
        title="FastStream, batch subscriber",
        library="faststream",
        consumer="faststream_app",
        settings=_batches(8, 1, 32),
    ),
    Peer(
        name="quix",
        title="Quix Streams, a message a call",
        library="quixstreams",
        consumer="quix_app",
        settings=(Setting(), Setting({"PEER_TORCH_THREADS": "1"}), Setting({"PEER_TORCH_THREADS": "1"}, consumers=2)),
    ),
    Peer(
        name="litserve",
        title="LitServe behind an aiokafka consumer",
        library="litserve",
        consumer="litserve_app",
        server="litserve_server",
        settings=(
            Setting({"PEER_BATCH": "8"}),
            Setting({"PEER_BATCH": "32"}),
            Setting({"PEER_BATCH": "8", "PEER_SERVER_WORKERS": "2", "PEER_TORCH_THREADS": "1"}),
            Setting({"PEER_BATCH": "32", "PEER_SERVER_WORKERS": "2", "PEER_TORCH_THREADS": "1"}),
        ),
    ),
)
