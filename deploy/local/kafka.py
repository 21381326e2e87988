"""
Apache Kafka (KRaft) in processes of its own, on loopback. `python -m deploy.local.kafka` fetches it and starts
nothing.

Data directory and ports stay through `stop`, `kill`, `start` and `restart`, so a client that holds the address
finds the same log again.
"""

import base64
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from deploy.local.errors import LocalPartError, PartEnded, PartUnavailable
from deploy.local.java import MINIMUM_MAJOR, java_command, java_version, major
from deploy.local.kafka_jars import KAFKA_VERSION, KafkaJars, fetch_jars
from deploy.local.kafka_settings import LOGGING, NodeAddress, SecuredListeners, server_properties
from deploy.local.ports import LOOPBACK, free_port, is_listening
from deploy.local.processes import ChildProcess
from deploy.local.topics import create_topics, live_brokers

_START_TIMEOUT_SECONDS = 180.0
_STOP_GRACE_SECONDS = 15.0
_JVM_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",  # the fewest threads on a small machine
    "-XX:TieredStopAtLevel=1",  # quick compiler only: it is started more often than it is busy
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # leaves no file in /tmp when killed
    "-Djava.net.preferIPv4Stack=true",
)


class ApacheKafka:
    """
    A cluster of combined nodes (broker and controller in one process); one node by default.

    Args:
        directory: Holds data, settings and logs. A directory of an earlier run is taken up again.
        nodes: 1, or 3 for a cluster that loses a leader and goes on.
        port: Of the first node; by default a free one, as of the others.
        secured: Further listeners with TLS and SASL, and access control; for one node.
    """

    durable = True

    def __init__(
        self,
        directory: Path,
        *,
        version: str = KAFKA_VERSION,
        nodes: int = 1,
        port: int | None = None,
        secured: SecuredListeners | None = None,
    ) -> None:
        self.version = version
        self._directory = directory
        self._secured = secured
        ports = [port or free_port(), *(free_port() for _ in range(1, nodes))]
        self._cluster = [NodeAddress(number, each, free_port()) for number, each in enumerate(ports, 1)]
        self._processes: dict[int, ChildProcess] = {}
        self._jars: KafkaJars | None = None
        self._java, self._java_version = _usable_java()

    @property
    def kind(self) -> str:
        """What it is, for people."""
        return f"Apache Kafka {self.version}"

    @property
    def bootstrap_servers(self) -> str:
        """All nodes, "host:port" with commas between."""
        return ",".join(f"{LOOPBACK}:{node.broker_port}" for node in self._cluster)

    @property
    def processes(self) -> tuple[ChildProcess, ...]:
        """One process per node, in the order of the nodes."""
        return tuple(self._processes.values())

    def start(self) -> None:
        """
        Start the nodes that do not run, and wait until the cluster counts all of them as alive.

        Raises:
            LocalPartError: if the jars cannot be fetched, or a node does not come up; then with the node's last lines.
        """
        self._jars = self._jars or fetch_jars(self.version)
        for node in self._cluster:
            self.start_node(node.node_id)
        for node in self._cluster:
            listening = partial(is_listening, node.broker_port)
            self._processes[node.node_id].wait_until(listening, timeout_seconds=_START_TIMEOUT_SECONDS)
        # A listening node may still be fenced; only a broker that the controller counts as alive leads partitions.
        self._processes[self._cluster[0].node_id].wait_until(
            lambda: live_brokers(self.bootstrap_servers) == len(self._cluster), timeout_seconds=_START_TIMEOUT_SECONDS
        )

    def start_node(self, node_id: int, *, jvm_options: tuple[str, ...] = ()) -> None:
        """Start one node, without waiting for it."""
        if node_id in self._processes and self._processes[node_id].is_running:
            return
        self._jars = self._jars or fetch_jars(self.version)
        folder = self._directory / f"node-{node_id}"
        properties = self._prepare(node_id, folder)
        self._processes[node_id] = ChildProcess(
            f"{self.kind} node {node_id}",
            self._java_argv("kafka.Kafka", str(properties), folder=folder, jvm_options=jvm_options),
            log_path=self._directory / f"node-{node_id}.log",
        ).start()

    def stop(self) -> None:
        """Stop all nodes cleanly."""
        with ThreadPoolExecutor(max_workers=len(self._cluster)) as threads:
            list(threads.map(lambda process: process.stop(_STOP_GRACE_SECONDS), self.processes))

    def kill(self, node_id: int | None = None) -> None:
        """Kill one node, or all (SIGKILL)."""
        for number, process in self._processes.items():
            if node_id in (None, number):
                process.kill()

    def restart(self) -> None:
        """Stop cleanly and start again with the same data and ports."""
        self.stop()
        self.start()

    def create_topics(
        self, partitions: Mapping[str, int], *, configs: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create topics by name and number of partitions, replicated as the cluster's size allows."""
        copies = min(3, len(self._cluster))
        create_topics(self.bootstrap_servers, partitions, configs=configs, replication_factor=copies)

    def _prepare(self, node_id: int, folder: Path) -> Path:
        """Write the node's settings, format its storage unless that was done before; the path of the settings."""
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        (folder / "log4j2.properties").write_text(LOGGING)
        properties = folder / "server.properties"
        address = next(node for node in self._cluster if node.node_id == node_id)
        properties.write_text(server_properties(address, self._cluster, folder / "data", self._secured))
        if self._secured is not None:
            (folder / "keystore.pem").write_text(self._secured.keystore())
        if not (folder / "data" / "meta.properties").exists():
            tool = (
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={self._cluster_id()}",
                "--config",
                str(properties),
                *(self._secured.format_arguments if self._secured is not None else ()),
            )
            answer = subprocess.run(
                self._java_argv(*tool, folder=folder),
                capture_output=True,
                text=True,
                check=False,
                timeout=_START_TIMEOUT_SECONDS,
            )
            if answer.returncode != 0:
                raise LocalPartError(f"{self.kind} could not format {folder}:\n{answer.stdout}{answer.stderr}")
        return properties

    def _java_argv(self, *command: str, folder: Path, jvm_options: tuple[str, ...] = ()) -> list[str]:
        assert self._jars is not None
        class_data = self._jars.class_data(self._java_version)
        options = [*_JVM_OPTIONS, *jvm_options]
        if class_data.exists() and not jvm_options:
            options.append(f"-XX:SharedArchiveFile={class_data}")
        options += [f"-Djava.io.tmpdir={folder / 'tmp'}", f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"]
        return [self._java, *options, "-cp", self._jars.class_path, *command]

    def _cluster_id(self) -> str:
        path = self._directory / "cluster-id"
        if not path.exists():
            path.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode())
        return path.read_text()


def fetch(version: str = KAFKA_VERSION, *, report: Callable[[str], None] = lambda _line: None) -> KafkaJars:
    """
    Get everything a start needs, so that it needs no network: the jars, and the class-data archive of this Java.

    Raises:
        PartUnavailable: if Java or the jars cannot be had.
    """
    _, java_release = _usable_java()
    jars = fetch_jars(version, report=report)
    class_data = jars.class_data(java_release)
    if not class_data.exists():
        report("starting it once, to make later starts quicker")
        with tempfile.TemporaryDirectory(prefix="petstream-rehearsal-") as folder:
            archive = Path(folder) / class_data.name
            rehearsal = ApacheKafka(Path(folder), version=version)
            try:
                rehearsal.start_node(1, jvm_options=(f"-XX:ArchiveClassesAtExit={archive}",))
                rehearsal.start()
                rehearsal.stop()
            except PartEnded as error:  # a Java without class data of its own cannot make an archive, but runs Kafka
                report(f"without it: {str(error).splitlines()[-1]}")
            finally:
                rehearsal.kill()
            if archive.exists():
                unfinished = class_data.with_suffix(f".{uuid.uuid4().hex}")
                shutil.copyfile(archive, unfinished)
                unfinished.rename(class_data)
    return jars


def _usable_java() -> tuple[str, str]:
    java = java_command()
    release = java_version(java) if java else None
    if java is None or release is None:
        raise PartUnavailable("Java is not installed")
    if major(release) < MINIMUM_MAJOR:
        raise PartUnavailable(f"Java {release} is too old: Apache Kafka needs {MINIMUM_MAJOR}")
    return java, release


def main() -> None:
    """Fetch Apache Kafka, telling what is done on standard error."""
    try:
        jars = fetch(report=lambda line: print(f"  {line}", file=sys.stderr))  # noqa: T201 - this is a command
    except PartUnavailable as error:
        sys.exit(str(error))
    print(f"Apache Kafka {jars.version} is in {jars.directory}", file=sys.stderr)  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
