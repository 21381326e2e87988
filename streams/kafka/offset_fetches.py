"""
What a group committed, asked of a broker that cannot say now. aiokafka 0.14 takes that for "nothing was committed".

Since version 2 of the request an error of the whole group (the coordinator has moved, or still loads) comes beside an
empty list of partitions, and aiokafka looks into the list alone. A consumer would begin again at the beginning, or at
the end, where it has long been in the middle.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchRequest


def heed_group_errors(consumer: AIOKafkaConsumer) -> None:
    """Have such an answer raise its error, which the consumer's coordinator knows how to meet. Before its start."""
    client = consumer._client  # noqa: SLF001 - all that it asks goes through it
    send = client.send

    async def heeding(node_id: Any, request: Any, **options: Any) -> Any:
        answer = await send(node_id, request, **options)
        if isinstance(request, OffsetFetchRequest) and (code := getattr(answer, "error_code", 0)):
            raise for_code(code)
        return answer

    client.send = heeding
