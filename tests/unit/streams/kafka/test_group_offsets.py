"""What a group committed, of a broker's answer."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streams.kafka.errors import BrokerRefusal
from streams.kafka.group_offsets import offsets_of


def test_an_answer_that_leaves_partitions_out_is_not_taken_for_nothing_committed() -> None:
    asked = [TopicPartition("t", 0), TopicPartition("t", 1)]
    answer = {asked[0]: OffsetAndMetadata(7, ""), asked[1]: OffsetAndMetadata(-1, "")}
    assert offsets_of(answer, asked, "g") == {0: 7}
    with pytest.raises(BrokerRefusal, match="topics permissions operator"):
        offsets_of({}, asked, "g")
