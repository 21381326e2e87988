"""The contenders: petstream and its peers. Each starts its processes in a sandbox and waits until they are ready."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from benchmarks.peers import ALLOCATOR_TUNED, PEERS, PYTHON, READY, Peer, Setting
from benchmarks.rig import Rig, Sandbox
from deploy.local.pipeline import Role, Worker
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS, IMAGE_UPLOADS

START_SECONDS: Final = 180.0


class Contender(Protocol):
    """An implementation of the pipeline."""

    @property
    def name(self) -> str:
        """Its name in tables and files."""

    @property
    def result_topics(self) -> tuple[str, ...]:
        """The topics of its results, one result per picture."""

    async def start(self, rig: Rig, sandbox: Sandbox) -> None:
        """Start its processes and wait until it consumes messages."""


@dataclass(frozen=True, slots=True)
class Petstream:
    """
    Classifiers and sinks with default settings.

    Args:
        model: the TorchScript file.
        classifiers: how many.
        sinks: how many.
        settings: further settings of the classifiers.
    """

    model: Path
    classifiers: int = 1
    sinks: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "petstream"
    result_topics: tuple[str, ...] = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)

    async def start(self, rig: Rig, sandbox: Sandbox) -> None:
        """See Contender."""
        classifiers: dict[str, Role] = {f"classify-{number + 1}": "classify" for number in range(self.classifiers)}
        sinks: dict[str, Role] = {
            f"sink-{number}" if number > 1 else "sink": "sink" for number in range(1, self.sinks + 1)
        }
        workers = []
        for name, role in (classifiers | sinks).items():
            port = free_port()
            environment = {"HEALTH_PORT": str(port), "MODEL_URI": str(self.model)}
            if role == "classify":
                environment |= self.settings
            process = rig.spawn(sandbox, name, [sys.executable, "-m", "streams.cli", role], environment)
            workers.append(Worker(role, process, f"http://{LOOPBACK}:{port}"))
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready, START_SECONDS)


@dataclass(frozen=True, slots=True)
class PeerContender:
    """A peer with one of its settings, with the default or the tuned memory allocator."""

    peer: Peer
    setting: Setting
    model: Path
    tuned: bool
    result_topics: tuple[str, ...] = ("results",)

    @property
    def name(self) -> str:
        """See Contender."""
        return self.peer.name + ("+malloc" if self.tuned else "")

    async def start(self, rig: Rig, sandbox: Sandbox) -> None:
        """See Contender."""
        rig.stack.kafka.create_topics({sandbox.prefix + "results": 8})
        environment = {
            "PEER_UPLOADS_TOPIC": sandbox.prefix + IMAGE_UPLOADS,
            "PEER_RESULTS_TOPIC": sandbox.prefix + "results",
            "PEER_GROUP_ID": sandbox.prefix + "group",
            "PEER_SERVER_PORT": str(free_port()),
            "MODEL_FILE": str(self.model),
            **self.setting.environment,
            **(ALLOCATOR_TUNED if self.tuned else {}),
        }
        programs = self.peer.programs(PYTHON.absolute(), self.setting.consumers)
        started = [
            rig.spawn(sandbox, f"{self.peer.name}-{number}", argv, environment) for number, argv in enumerate(programs)
        ]
        for process in started[-self.setting.consumers :]:
            await asyncio.to_thread(process.wait_until, partial(_is_ready, process), timeout_seconds=START_SECONDS)


def settings_of_peers(model: Path) -> dict[str, list[PeerContender]]:
    """The settings of each peer with each allocator, by name, the most promising first."""
    return {
        made[0].name: made
        for peer in PEERS
        for tuned in (False, True)
        for made in [[PeerContender(peer, setting, model, tuned) for setting in peer.settings]]
    }


def _is_ready(process: ChildProcess) -> bool:
    return READY in process.log_tail().split()
