"""Chooses the broker: Apache Kafka if available, else the broker from the wheel."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.errors import LocalPartError, PartUnavailable
from deploy.local.kafka import ApacheKafka, fetch
from deploy.local.processes import ChildProcess
from deploy.local.wheel_broker import WheelBroker

BROKER_VARIABLE = "PETSTREAM_BROKER"


class Broker(Protocol):
    """A broker with Kafka's protocol, started by the stack or external."""

    @property
    def kind(self) -> str:
        """What it is, for people."""

    @property
    def durable(self) -> bool:
        """Whether its log survives a restart."""

    @property
    def bootstrap_servers(self) -> str:
        """Addresses, "host:port" with commas between."""

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """Its processes; empty if it is external."""

    def start(self) -> None:
        """Start it and wait until it serves."""

    def stop(self) -> None:
        """Stop it cleanly."""

    def kill(self) -> None:
        """Kill it (SIGKILL)."""

    def restart(self) -> None:
        """Stop and start at the same address."""

    def create_topics(
        self, partitions: Mapping[str, int], *, configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create topics by name and number of partitions."""


@dataclass(frozen=True, slots=True)
class BrokerChoice:
    """A broker, not started yet, and why it is not Apache Kafka (one line), if it is not."""

    broker: Broker
    reason: str | None = None


def choose_broker(
    directory: Path,
    *,
    forced: str | None = None,
    nodes: int = 1,
    port: int | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> BrokerChoice:
    """
    Apache Kafka if Java and the jars are available, else the broker from the wheel.

    Fetches the jars if needed, which takes a minute the first time.

    Args:
        directory: For the broker's data and logs.
        forced: "apache" or "wheel"; by default PETSTREAM_BROKER of the environment.
        nodes: Number of nodes; the broker from the wheel has one.
        port: Of the first node; by default a free one.
        report: Called with each file that is fetched.

    Raises:
        PartUnavailable: the forced one, or both, are not available.
        LocalPartError: ``forced`` is neither.
    """
    forced = forced or os.environ.get(BROKER_VARIABLE) or None
    if forced not in (None, "apache", "wheel"):
        raise LocalPartError(f"{BROKER_VARIABLE}={forced!r}: expected apache or wheel")
    if forced == "wheel":
        return BrokerChoice(
            WheelBroker(directory, port=port), "broker from the wheel, as requested; it loses its data at a restart"
        )
    try:
        fetch(report=report)
        return BrokerChoice(ApacheKafka(directory, nodes=nodes, port=port))
    except PartUnavailable as error:
        if forced == "apache":
            raise
        cause = str(error).splitlines()[0].rstrip(":")
        reason = f"{cause}: using the broker from the wheel, which loses its data at a restart"
        return BrokerChoice(WheelBroker(directory, port=port), reason)
