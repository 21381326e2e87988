"""The settings of an embedded Kafka node, as text. Pure: nothing is started here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK
from deploy.local.tls import ServerCertificate

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


@dataclass(frozen=True, slots=True)
class SecuredListeners:
    """
    Listeners as people have them, beside the plain one, on a node of a single-node cluster.

    TLS alone; TLS with SCRAM-SHA-512 (for ``users``, name → password); TLS with OAUTHBEARER, whose tokens are unsecured
    JSON Web Tokens (RFC 7519, section 6), which must be renewed after ``reauthentication_ms``. Clients that connect
    through them may do only what an access control list allows; the plain listener's user may do everything.
    """

    tls_port: int
    scram_port: int
    oauth_port: int
    certificate: ServerCertificate
    users: Mapping[str, str]
    reauthentication_ms: int = 0

    @property
    def ports(self) -> Mapping[str, int]:
        """Each listener's port, by its name."""
        return {"TLS": self.tls_port, "SCRAM": self.scram_port, "OAUTH": self.oauth_port}

    @property
    def format_arguments(self) -> list[str]:
        """What the storage is formatted with: the users."""
        return [
            argument
            for name, password in self.users.items()
            for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]

    def keystore(self) -> str:
        """Certificate and key in one PEM file's text, as Kafka wants them."""
        return self.certificate.key.read_text() + self.certificate.certificate.read_text()


def server_properties(
    node: NodeAddress,
    cluster: Sequence[NodeAddress],
    data: Path,
    secured: SecuredListeners | None = None,
) -> str:
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
        # A missing topic is a misspelt name; creating it would hide the mistake.
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
        settings[f"{topic}.num.partitions"] = 4  # 50 by default: 50 folders and 100 files, unused
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = in_sync
    if secured is not None:
        settings |= _secured(settings, secured, data)
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _secured(plain: Mapping[str, object], secured: SecuredListeners, data: Path) -> dict[str, object]:
    listeners = [f"{name}://{LOOPBACK}:{port}" for name, port in secured.ports.items()]
    modules = "org.apache.kafka.common.security"
    return {
        "listeners": ",".join([str(plain["listeners"]), *listeners]),
        "advertised.listeners": ",".join([str(plain["advertised.listeners"]), *listeners]),
        "listener.security.protocol.map": ",".join(
            [str(plain["listener.security.protocol.map"]), "TLS:SSL", "SCRAM:SASL_SSL", "OAUTH:SASL_SSL"]
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": data.parent / "keystore.pem",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": (
            f"{modules}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=broker;"
        ),
        "listener.name.oauth.oauthbearer.connections.max.reauth.ms": secured.reauthentication_ms,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the plain listener's
    }
