"""A broker with TLS, SCRAM, tokens and access control, and the settings with which each user reaches it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from typer.testing import CliRunner, Result

from deploy.local.kafka import ApacheKafka
from deploy.local.kafka_settings import SecuredListeners
from deploy.local.pipeline import Role
from deploy.local.ports import LOOPBACK
from streams.cli import app
from streams.kafka.security import MSK_IAM
from tests.acls import allow
from tests.world import World

REAUTHENTICATION_SECONDS: Final = 4
ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")
USERS: Final = {role: f"secret of {role}" for role in (*ROLES, "board", "reconcile", "operator", "nobody")}

Secured = tuple[ApacheKafka, SecuredListeners]


def over_tls(secured: Secured) -> dict[str, str]:
    _, listeners = secured
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{listeners.tls_port}",
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CA_FILE": str(listeners.certificate.ca_certificate),
    }


def with_scram(secured: Secured, user: str, password: str | None = None) -> dict[str, str]:
    return over_tls(secured) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{secured[1].scram_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": password or USERS[user],
    }


def with_tokens(secured: Secured, user: str, signer: Path) -> dict[str, str]:
    return over_tls(secured) | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{secured[1].oauth_port}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": MSK_IAM,
        "STUB_PRINCIPAL": user,
        "PYTHONPATH": str(signer),
    }


async def allow_all(world: World) -> None:
    for role in ROLES:
        await allow(world.stack.kafka.bootstrap_servers, role, f"User:{role}", prefix=world.prefix)


def petstream(environment: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environment)
