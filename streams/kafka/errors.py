"""Kafka's errors for commands, which end instead of waiting: each becomes one sentence with its remedy."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.kafka.client_tasks import ClientEndedError
from streams.kafka.security import client_options
from streams.kafka.stopping import opened
from streams.runtime.error_text import error_text
from streams.runtime.errors import MendableError
from streams.runtime.settings import KafkaSettings


class BrokerRefusal(MendableError):  # noqa: N818 - the name says what happened
    """Kafka cannot do what was asked."""


@contextmanager
def broker_errors() -> Iterator[None]:
    """
    Raise the client's errors of the enclosed calls as one sentence. The client's own log, which repeats them, is muted.

    Raises:
        BrokerRefusal: naming the remedy.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        yield
    except KafkaConnectionError as error:
        raise BrokerRefusal("No Kafka broker answers", "look at KAFKA_BOOTSTRAP_SERVERS.") from error
    except (KafkaError, ClientEndedError) as error:
        raise BrokerRefusal(
            f"Kafka refuses: {error_text(error)}. What was confirmed before is done; run it again."
        ) from error


async def partitions_of(settings: KafkaSettings, topic: str) -> list[int]:
    """
    The partitions of a topic, ascending. A missing topic is not created.

    Raises:
        BrokerRefusal: no broker answers, or there is no such topic.
    """
    name = settings.kafka_topic_prefix + topic
    with broker_errors():
        async with opened(AIOKafkaAdminClient(**client_options(settings))) as admin:
            described = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    if name not in described:
        raise BrokerRefusal(f"There is no topic {name}", "look at KAFKA_TOPIC_PREFIX, or run: petstream topics create")
    return sorted(each["partition"] for each in described[name])
