"""Creates missing topics, and checks the settings of those that exist."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from streams.contracts.topics import TOPICS, Topic
from streams.kafka.stopping import opened
from streams.runtime.error_text import error_text
from streams.runtime.errors import MendableError
from streams.runtime.retries import Policy, retried

MIN_IN_SYNC: Final = "min.insync.replicas"
SPARE_COPY_FROM: Final = 3
"""The least number of copies of which two can confirm while one is away."""
LISTING: Final = Policy(attempts=None, timeout_seconds=30.0, first_wait_seconds=0.05, longest_wait_seconds=1.0)
"""How long to wait until a broker lists a new topic."""


class TopicRefused(MendableError):  # noqa: N818 - the name says what happened
    """Kafka does not create a topic."""


@dataclass(frozen=True, slots=True)
class TopicFault:
    """What is wrong with one topic, and what to do about it."""

    topic: str
    problem: str
    remedy: str


def in_sync_of(replicas: int) -> int:
    """
    How many of ``replicas`` copies must have a message before it counts as confirmed (``min.insync.replicas``).

    Two of three or more: a single confirmed copy may be lost, and with three a single missing broker would stop
    everything. One of two or of one, for the latter reason.
    """
    return 2 if replicas >= SPARE_COPY_FROM else 1


async def create(options: Mapping[str, Any], *, prefix: str, partitions: int, replication_factor: int) -> list[str]:
    """
    Create the topics that are missing, and return their names. Existing topics are left as they are.

    Each new topic gets the number of copies that must confirm a write (``in_sync_of``): the broker's default is one.

    ``options`` are a client's (security.client_options).

    Raises:
        TopicRefused: naming the setting or the permission that is missing.
    """
    async with opened(AIOKafkaAdminClient(**options)) as admin:
        present = set(await admin.list_topics())
        missing = [topic for topic in TOPICS if prefix + topic.name not in present]
        copies = {MIN_IN_SYNC: str(in_sync_of(replication_factor))}

        async def make(wanted: Collection[Topic], extra: Mapping[str, str]) -> dict[str, tuple[int, str]]:
            """Error code and message, by name."""
            new = [
                NewTopic(
                    name=prefix + topic.name,
                    num_partitions=topic.partitions or partitions,
                    replication_factor=replication_factor,
                    topic_configs={**topic.config, **extra},
                )
                for topic in wanted
            ]
            answer = (await admin.create_topics(new)).topic_errors if new else []
            return {name: (code, message[0] if message and message[0] else "") for name, code, *message in answer}

        results = await make(missing, copies)
        # Where the cluster's owner has fixed it (MSK Serverless: 2), it must not be sent; ``check`` verifies the value.
        results |= await make(
            [topic for topic in missing if results.get(prefix + topic.name, _DONE)[0] == _INVALID_CONFIG], {}
        )
        for name, (code, message) in results.items():
            if code not in (0, _ALREADY_EXISTS):  # another creator was faster, or the list was out of date
                reason = message or error_text(for_code(code)())
                remedy = _REMEDIES.get(code, "look at the broker's log")
                raise TopicRefused(f"The topic {name} could not be created ({reason})", f"{remedy}.")
        await _until_listed(admin, results.keys())
        return [prefix + topic.name for topic in missing if results.get(prefix + topic.name, _DONE) == _DONE]


class _NotListedYetError(Exception):
    pass


async def _until_listed(admin: AIOKafkaAdminClient, names: Collection[str]) -> None:
    """
    Wait until a broker lists these topics, for ``LISTING`` at most.

    The controller confirms a topic before the brokers know it; a busy one learns of it after seconds. Until then it
    answers that there is no such topic.
    """

    async def listed() -> None:
        if not set(names) <= set(await admin.list_topics()):
            raise _NotListedYetError

    with suppress(_NotListedYetError):  # a creator may lack the permission to list them
        await retried(listed, on=_NotListedYetError, policy=LISTING)


async def check(
    options: Mapping[str, Any],
    *,
    prefix: str,
    names: Collection[str] | None = None,
    partitions: int | None = None,
) -> list[TopicFault]:
    """
    The faults of the topics; empty if there are none. ``names`` are the topics to check, without prefix; None: all.
    ``partitions`` is the least number for a topic without a fixed number; None: any number will do.

    Settings that the client may not read are assumed to be right.
    """
    checked = [topic for topic in TOPICS if names is None or topic.name in names]
    async with opened(AIOKafkaAdminClient(**options)) as admin:
        present = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
        findings = [
            TopicFault(
                prefix + topic.name,
                "is missing, or may not be seen",
                "run: petstream topics create; where the broker asks who one is, also: petstream topics permissions",
            )
            for topic in checked
            if prefix + topic.name not in present
        ]
        existing = [topic for topic in checked if prefix + topic.name in present]
        resources = [ConfigResource(ConfigResourceType.TOPIC, prefix + topic.name) for topic in existing]
        described = {
            name: {entry[0]: entry[1] for entry in entries}
            for response in (await admin.describe_configs(resources) if resources else [])
            for _code, _message, _type, name, entries in response.resources
        }
        for topic in existing:
            name, config = prefix + topic.name, described.get(prefix + topic.name, {})
            findings += _wrong_partitions(name, present[name], topic.partitions or partitions or 1, config)
            for key, wanted in topic.config.items():
                actual = config.get(key)
                if actual is not None and not _suffices(key, actual, wanted):
                    problem = f"has {key}={actual}; at least {wanted} is needed"
                    findings.append(TopicFault(name, problem, f"alter the topic: {key}={wanted}"))
        return findings


_ALREADY_EXISTS: Final = 36  # Kafka protocol, error code TOPIC_ALREADY_EXISTS
_INVALID_CONFIG: Final = 40
_DONE: Final = (0, "")

_REMEDIES: Final = {
    29: "the user needs the permission to create topics: petstream topics permissions operator",
    31: "the user needs the permission to create topics: petstream topics permissions operator",
    37: "look at KAFKA_PARTITIONS",
    38: "KAFKA_REPLICATION_FACTOR must not be greater than the number of brokers; a single one takes 1",
    40: "the broker refuses a setting of the topic: look at its own limits",
    44: "a policy of the cluster forbids it: look at KAFKA_PARTITIONS and KAFKA_REPLICATION_FACTOR",
}
"""By error code of the Kafka protocol."""


def _wrong_partitions(
    name: str, partitions: Sequence[Mapping[str, Any]], wanted: int, config: Mapping[str, str]
) -> Iterator[TopicFault]:
    if len(partitions) < wanted:
        yield TopicFault(name, f"has {len(partitions)} partitions; {wanted} are wanted", f"alter the topic: {wanted}")
    replicas = min((len(each["replicas"]) for each in partitions), default=0)
    configured = config.get(MIN_IN_SYNC)
    if configured is None or not replicas:
        return
    in_sync, needed = int(configured), in_sync_of(replicas)
    if in_sync > replicas:  # our writes use acks=all, which the broker then refuses
        problem = f"has {replicas} replicas and {MIN_IN_SYNC}={in_sync}: nothing can be written to it"
        yield TopicFault(name, problem, f"alter the topic: {MIN_IN_SYNC}={replicas}")
    elif in_sync < needed:
        problem = f"has {replicas} replicas and {MIN_IN_SYNC}={in_sync}: what one copy confirms may be lost with it"
        yield TopicFault(name, problem, f"alter the topic: {MIN_IN_SYNC}={needed}")


def _suffices(key: str, actual: str, wanted: str) -> bool:
    if key == "cleanup.policy":
        return wanted in actual.split(",")
    unlimited = actual == "-1"
    return unlimited or (wanted != "-1" and int(actual) >= int(wanted))
