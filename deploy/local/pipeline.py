"""Starts petstream's own processes on a stack, by role."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from deploy.local.stack import Stack

Role = Literal["bridge", "classify", "sink", "reconcile", "board"]

_READY_TIMEOUT_SECONDS = 300.0  # a first start compiles the model for this processor
_ANSWER_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of a role, and the URL of its health and metrics."""

    role: Role
    process: ChildProcess
    url: str

    def health(self) -> dict[str, Any] | None:
        """The document of /health; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=_ANSWER_TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own http URL
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return None

    def metrics(self) -> str:
        """The text of /metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=_ANSWER_TIMEOUT_SECONDS) as answer:  # noqa: S310 - our own http URL
            return str(answer.read().decode())

    def wait_ready(self, timeout_seconds: float = _READY_TIMEOUT_SECONDS) -> None:
        """
        Wait until /health says that the process is ready.

        Raises:
            PartEnded: it ended instead; with the last lines of its log.
            PartTimedOut: it is not ready in time.
        """
        self.process.wait_until(lambda: (self.health() or {}).get("ready", False), timeout_seconds=timeout_seconds)


class Pipeline:
    """
    Starts workers of a stack. They end with the stack at the latest.

    ``env`` is given to every worker, over the stack's own settings.
    """

    def __init__(self, stack: Stack, env: Mapping[str, str]) -> None:
        self._stack = stack
        self._env = dict(env)
        self._started = 0

    def start(
        self,
        role: Role,
        env: Mapping[str, str] | None = None,
        arguments: Sequence[str] = (),
        *,
        port: int | None = None,
    ) -> Worker:
        """
        Start a worker without waiting for it.

        ``arguments`` follow the role's name on the command line. ``port`` serves its health; by default a free one.
        """
        self._started += 1
        port = port or free_port()
        process = self._stack.spawn(
            f"{role}-{self._started}",
            [sys.executable, "-m", "streams.cli", role, *arguments],
            {**self._env, "HEALTH_PORT": str(port), **(env or {})},
        )
        return Worker(role, process, f"http://{LOOPBACK}:{port}")
