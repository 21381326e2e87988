"""Whatever stands on a topic of results, the reader raises UnreadableEventError, or hands it over, and goes on."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.contracts import encode
from streams.contracts.cloudevents import headers
from streams.subscriber.received_event import UnreadableEventError
from tests import raw_headers
from tests.integration.subscribers.publishing import Results, key_of
from tests.raw_headers import Latin
from tests.sinking import classified

GOOD = classified("pets", "good")
CONTEXT: list[tuple[str, Any]] = [*headers(GOOD, [])]
BODY = encode(GOOD)
DEEP = BODY[:-1] + b',"deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


async def test_the_reader_goes_on_behind_whatever_it_cannot_read(results: Results) -> None:
    servers, topic = results.stack.kafka.bootstrap_servers, results.prefix + "image-classifications"
    nulls = [(name, None) for name, _ in CONTEXT]
    unreadable = [
        (None, CONTEXT),
        (b"", CONTEXT),
        (DEEP, CONTEXT),
        (BODY.replace(b"good", b"\xff\xfe"), CONTEXT),
        (BODY, nulls),
        (BODY, [("ce_type", b"\xff" * 100_000)]),
    ]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value, context in unreadable:
            await producer.send_and_wait(topic, value, key=b"k", partition=0, headers=context, timestamp_ms=-1)
    await raw_headers.send(servers, topic, b"nothing", [(Latin("größe"), b"1")])
    hostile_but_good = [*nulls, ("traceparent", None), ("größe", b"\xff"), *CONTEXT, *CONTEXT]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(topic, BODY, partition=0, headers=hostile_but_good, timestamp_ms=-(10**14))

    refused: list[int] = []
    async with asyncio.timeout(60), results.subscriber(unknown="raise") as subscriber:
        while True:
            try:
                received = await anext(aiter(subscriber))
            except UnreadableEventError as error:
                refused.append(error.offset)
            else:
                break
    assert refused == list(range(len(unreadable) + 1))
    assert key_of(received) == "good"
    assert received.traceparent is None


async def test_what_came_before_a_header_that_is_no_text_is_handed_over(results: Results) -> None:
    await results.publish("a", "b", "c")
    servers, topic = results.stack.kafka.bootstrap_servers, results.prefix + "image-classifications"
    await raw_headers.send(servers, topic, BODY, [(Latin("größe"), b"1"), *CONTEXT])
    keys = []
    async with asyncio.timeout(60), results.subscriber() as subscriber:
        async for received in subscriber:
            keys.append(key_of(received))
            if len(keys) == 4:
                subscriber.stop()
    assert keys == ["a", "b", "c", "good"]
