"""
Corrects how aiokafka 0.14 reads a failed fetch of a group's offsets, which it takes for "nothing was committed".

Since version 2 of the request an error of the whole group (the coordinator has moved, or is still loading) comes with
an empty list of partitions, and aiokafka reads only the list. A consumer that has long been in the middle of a
partition would start again at its beginning, or at its end.
"""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import for_code
from aiokafka.protocol.commit import OffsetFetchRequest


def heed_group_errors(consumer: AIOKafkaConsumer) -> None:
    """Raise the error of such an answer, which the consumer's coordinator handles. Call before the consumer's start."""
    client = consumer._client  # noqa: SLF001 - all its requests go through it
    send = client.send

    async def heeding(node_id: Any, request: Any, **options: Any) -> Any:
        answer = await send(node_id, request, **options)
        if isinstance(request, OffsetFetchRequest) and (code := getattr(answer, "error_code", 0)):
            raise for_code(code)
        return answer

    client.send = heeding
