"""Topics, created and awaited through Kafka's own admin protocol, so that the same code serves every broker."""

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from deploy.local.errors import LocalPartError

BROKER_DEFAULT = -1  # KIP-464
_REQUEST_TIMEOUT_MS = 30_000
_VISIBLE_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.02

_Result = TypeVar("_Result")


def create_topics(
    bootstrap_servers: str,
    partitions: Mapping[str, int],
    *,
    configs: Mapping[str, Mapping[str, str]] | None = None,
    replication_factor: int = 1,
) -> None:
    """
    Create topics and wait until every one of them has its leaders. Topics that exist are left as they are.

    Args:
        bootstrap_servers: "host:port", comma-separated.
        partitions: Number of partitions by topic name.
        replication_factor: Copies of each partition, or BROKER_DEFAULT.
        configs: Topic settings by topic name, e.g. {"pipeline-status": {"cleanup.policy": "compact"}}.

    Raises:
        LocalPartError: if the broker refuses a topic or does not show it in time.
    """
    wanted = [
        NewTopic(
            name,
            count,
            replication_factor,
            # Empty, not None: only then does the client let -1 through, the protocol's word for the broker's default.
            replica_assignments={} if replication_factor == BROKER_DEFAULT else None,
            topic_configs=dict((configs or {}).get(name, {})),
        )
        for name, count in partitions.items()
    ]
    _in_own_loop(_create(bootstrap_servers, wanted))


def live_brokers(bootstrap_servers: str) -> int:
    """How many brokers the cluster counts as alive; 0 while it does not answer."""
    try:
        return _in_own_loop(_count_brokers(bootstrap_servers))
    except (KafkaError, OSError, TimeoutError):
        return 0


async def _create(bootstrap_servers: str, wanted: list[NewTopic]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    await admin.start()
    try:
        names = [topic.name for topic in wanted]
        response = await admin.create_topics(wanted)
        for name, code, *message in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise LocalPartError(f"topic {name}: {(message[0] if message else '') or error.description}")
        async with asyncio.timeout(_VISIBLE_TIMEOUT_SECONDS):
            # A topic is created on the controller; a broker that is asked too early does not know it yet.
            while not await _all_led(admin, names):  # noqa: ASYNC110 - nothing in this process could set an event
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise LocalPartError(f"topics without leaders after {_VISIBLE_TIMEOUT_SECONDS:.0f} s") from error
    finally:
        await admin.close()


async def _all_led(admin: AIOKafkaAdminClient, names: list[str]) -> bool:
    descriptions: list[dict[str, Any]] = await admin.describe_topics(names)
    return all(
        topic["error_code"] == 0 and all(partition["leader"] >= 0 for partition in topic["partitions"])
        for topic in descriptions
    )


async def _count_brokers(bootstrap_servers: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        return len((await admin.describe_cluster())["brokers"])
    finally:
        await admin.close()


def _in_own_loop(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to completion on a thread of its own: the caller may be a coroutine whose loop runs already."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
