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
READY: Final = "ready"  # the line that the last program of a peer prints once it takes messages

# glibc keeps freed pages instead of returning them to the kernel after each forward. To be set before a process starts.
ALLOCATOR_TUNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "4294967296",
        "MALLOC_TRIM_THRESHOLD_": "8589934592",
        "MALLOC_TOP_PAD_": "268435456",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    One contender. To be started in the repository's root.

    Besides ``environment`` its processes need KAFKA_BOOTSTRAP_SERVERS, PEER_UPLOADS_TOPIC, PEER_RESULTS_TOPIC,
    PEER_GROUP_ID, S3_ENDPOINT_URL with credentials, MODEL_FILE and PEER_SERVER_PORT (a free one; only the model server
    and its consumer use it).

    ``modules`` are its programs in the order of starting; the last one says READY. ``library`` is the distribution that
    it stands for; ``tuned`` says how its settings were found.
    """

    name: str
    title: str
    modules: tuple[str, ...]
    library: str
    tuned: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def programs(self, python: Path = PYTHON) -> tuple[tuple[str, ...], ...]:
        """The arguments of each process."""
        return tuple((str(python), "-m", f"{__name__}.{module}") for module in self.modules)

    def version(self, python: Path = PYTHON) -> str:
        """The version of the library in the peers' environment. Raises CalledProcessError if it is not there."""
        question = f"from importlib.metadata import version; print(version({self.library!r}))"
        return subprocess.run(
            [str(python), "-c", question], check=True, capture_output=True, text=True, timeout=30
        ).stdout.strip()


PEERS: Final = (
    Peer(
        name="aiokafka",
        title="aiokafka, a loop written by hand",
        modules=("aiokafka_loop",),
        library="aiokafka",
        tuned="",
        environment={"PEER_BATCH": "8"},
    ),
    Peer(
        name="faststream",
        title="FastStream, batch subscriber",
        modules=("faststream_app",),
        library="faststream",
        tuned="",
        environment={"PEER_BATCH": "8"},
    ),
    Peer(
        name="quix",
        title="Quix Streams",
        modules=("quix_app",),
        library="quixstreams",
        tuned="",
    ),
    Peer(
        name="litserve",
        title="LitServe behind an aiokafka consumer",
        modules=("litserve_server", "litserve_app"),
        library="litserve",
        tuned="",
        environment={"PEER_BATCH": "8"},
    ),
)
