"""The settings of an embedded Kafka node, as text. Pure: nothing is started here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK

LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """One combined node: broker and controller in the same process."""

    node_id: int
    broker_port: int
    controller_port: int


def server_properties(node: NodeAddress, cluster: Sequence[NodeAddress], data: Path) -> str:
    """
    The contents of server.properties for one node of a KRaft cluster on loopback.

    Replication follows the size of the cluster: three copies of which two must confirm from three nodes on.
    Flushing to disk is left to Kafka's defaults: a killed process loses nothing, since the pages are the kernel's.
    """
    copies = min(3, len(cluster))
    in_sync = max(1, copies - 1)
    voters = ",".join(f"{peer.node_id}@{LOOPBACK}:{peer.controller_port}" for peer in cluster)
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"BROKER://{LOOPBACK}:{node.broker_port},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{node.broker_port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # A topic that nobody created is a mistake in a name, and a mistake that creates a topic goes unnoticed.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        # A first member need not wait for others.
        "group.initial.rebalance.delay.ms": 0,
        # After kill -9 a node is let in again only when the session of its former self has run out: 9 s by default.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        # An upload event is at most 256 kB; a rejection carries one, encoded.
        "message.max.bytes": 2 * 1024 * 1024,
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.replication.factor"] = copies
        settings[f"{topic}.num.partitions"] = 4  # 50 by default: 50 folders and 100 files for nobody
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = in_sync
    return "".join(f"{name}={value}\n" for name, value in settings.items())
