"""What a group committed, of a broker's answer."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streams.kafka.errors import BrokerRefusal
from streams.kafka.group_offsets import fetch_offsets


def answering(answer: Mapping[TopicPartition, OffsetAndMetadata]) -> Any:
    async def list_consumer_group_offsets(_group: str, partitions: list[TopicPartition]) -> Any:
        return answer

    return SimpleNamespace(list_consumer_group_offsets=list_consumer_group_offsets)


async def test_an_answer_that_leaves_partitions_out_is_not_taken_for_nothing_committed() -> None:
    asked = [TopicPartition("t", 0), TopicPartition("t", 1)]
    answer = {asked[0]: OffsetAndMetadata(7, ""), asked[1]: OffsetAndMetadata(-1, "")}
    assert await fetch_offsets(answering(answer), "g", asked) == {asked[0]: 7}
    with pytest.raises(BrokerRefusal, match="topics permissions operator"):
        await fetch_offsets(answering({}), "g", asked)
