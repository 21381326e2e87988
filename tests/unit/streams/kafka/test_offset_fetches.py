from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupLoadInProgressError, NotCoordinatorForGroupError
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest

from streams.kafka.offset_fetches import heed_group_errors

QUESTION = OffsetFetchRequest("group", [("topic", [0])])


@pytest.fixture
async def consumer() -> AsyncIterator[AIOKafkaConsumer]:
    """Its client is answered with what the request's node id names, so to speak."""
    made = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", group_id="group")

    async def send(node_id: Any, _request: Any, **_: Any) -> Any:
        return node_id

    made._client.send = send
    heed_group_errors(made)
    yield made
    await made.stop()


@pytest.mark.parametrize(("code", "error"), [(14, GroupLoadInProgressError), (16, NotCoordinatorForGroupError)])
async def test_an_error_of_the_whole_group_is_raised(
    consumer: AIOKafkaConsumer, code: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await consumer._client.send(SimpleNamespace(error_code=code, topics=[]), QUESTION)


@pytest.mark.parametrize("answer", [SimpleNamespace(error_code=0, topics=[]), SimpleNamespace(topics=[])], ids=str)
async def test_other_answers_pass(consumer: AIOKafkaConsumer, answer: Any) -> None:
    assert await consumer._client.send(answer, QUESTION) is answer


async def test_other_requests_keep_their_errors(consumer: AIOKafkaConsumer) -> None:
    answer = SimpleNamespace(error_code=27)
    assert await consumer._client.send(answer, HeartbeatRequest("group", 1, "member")) is answer
