"""Checks Kafka: available codecs, the connection, and the topics and permissions of a role."""

import asyncio
import logging
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError, KafkaError

from streams.check.finding import Finding, Role
from streams.kafka import admin as topic_admin
from streams.kafka import codecs
from streams.kafka.authorized_operations import authorized
from streams.kafka.permissions import PERMISSIONS, Permission
from streams.kafka.security import client_options
from streams.kafka.stopping import opened
from streams.runtime.error_text import error_text
from streams.runtime.settings import InvalidSettingsError, KafkaSettings, TopicSettings, load

KAFKA_SECONDS: Final = 15.0


async def kafka(role: Role, settings: KafkaSettings) -> list[Finding]:
    """Check the codecs, the topics of the role, then its permissions."""
    return [_codecs(role), *await _broker(role, settings)]


def _codecs(role: Role) -> Finding:
    found = codecs.readable()
    missing = ", ".join(name for name, is_readable in found.items() if not is_readable)
    if missing:
        remedy = "pip install 'cramjam>=2.8.0': the first message packed so would end the process"
        return Finding(role, "codecs", f"messages packed by {missing} cannot be read", remedy)
    return Finding(role, "codecs", f"can be read: {', '.join(found)}")


async def _broker(role: Role, settings: KafkaSettings) -> list[Finding]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it would log the same problem in other words
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            return await _topics(role, settings) or [*_topics_are_right(role), *await _permissions(role, settings)]
    except InvalidSettingsError as mistake:
        return [Finding(role, "settings", "unusable", str(mistake))]
    except (KafkaError, OSError, TimeoutError) as error:
        remedy = f"look at KAFKA_BOOTSTRAP_SERVERS, the network, the listener{_authentication_settings(settings)}"
        return [Finding(role, "kafka", error_text(error), remedy)]


def _needed(role: Role) -> set[str]:
    # Only its own topics: with least privilege, a role does not see the others.
    return {each.name for each in PERMISSIONS[role] if each.resource == "topic"}


def _topics_are_right(role: Role) -> list[Finding]:
    return [Finding(role, "kafka", f"its topics are as they should be: {', '.join(sorted(_needed(role)))}")]


async def _topics(role: Role, settings: KafkaSettings) -> list[Finding]:
    required = load(TopicSettings)
    wrong = await topic_admin.check(
        client_options(settings),
        prefix=settings.kafka_topic_prefix,
        names=_needed(role),
        partitions=required.kafka_partitions if "kafka_partitions" in required.model_fields_set else None,
    )
    return [Finding(role, f"topic {each.topic}", each.problem, each.remedy) for each in wrong]


async def _permissions(role: Role, settings: KafkaSettings) -> list[Finding]:
    prefix = settings.kafka_topic_prefix
    async with opened(AIOKafkaAdminClient(**client_options(settings))) as admin:
        allowed = await authorized(admin, {prefix + name for name in _needed(role)})
        missing = [each for each in PERMISSIONS[role] if await _lacks(admin, allowed, prefix, each)]
    if missing:
        lacking = ", ".join(f"{each.operation} on the {each.resource} {prefix}{each.name}" for each in missing)
        return [Finding(role, "permissions", f"lacks {lacking}", f"allow it: petstream topics permissions {role}")]
    if allowed is None:
        return []  # brokers before Kafka 2.3 do not report it
    return [Finding(role, "permissions", "has all required ACLs")]


async def _lacks(
    admin: AIOKafkaAdminClient, allowed: dict[str, frozenset[str]] | None, prefix: str, needed: Permission
) -> bool:
    name = prefix + needed.name
    if needed.resource == "topic":
        return allowed is not None and needed.operation not in allowed.get(name, frozenset())
    try:
        await admin.find_coordinator(name)
    except GroupAuthorizationFailedError:
        return True
    except GroupCoordinatorNotAvailableError:
        return False  # a cluster without any group creates the offsets topic now
    return False


def _authentication_settings(settings: KafkaSettings) -> str:
    """The settings that may be wrong if the broker requires authentication."""
    names = [
        name.upper() for name, value in settings if name.startswith(("kafka_ssl", "kafka_sasl")) and value is not None
    ]
    return ", ".join(["", "KAFKA_SECURITY_PROTOCOL", *names])
