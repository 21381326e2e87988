"""
The consumer before LitServe: reads notifications, fetches the objects, asks `litserve_server`, publishes its answers.

After aiokafka's "Consumer client" (getmany, manual commit) and HTTPX's "Async Support" (one AsyncClient for all calls).
As many requests are under way as a batch of messages has; the server makes batches of them.
"""

import asyncio
import base64
import json
import os
import signal

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from benchmarks.peers import steps

IN_FLIGHT = int(os.environ.get("PEER_IN_FLIGHT", "32"))
store = steps.Store()


async def ask(server: httpx.AsyncClient, bucket: str, key: str) -> dict[str, str | float]:
    data = await asyncio.to_thread(store.fetch, bucket, key)
    response = await server.post("/predict", json={"image_data": base64.b64encode(data).decode()})
    return steps.result(bucket, key, steps.Answer(**response.raise_for_status().json()))


async def process(messages: list[ConsumerRecord], server: httpx.AsyncClient, producer: AIOKafkaProducer) -> None:
    named = [upload for message in messages for upload in steps.uploads(json.loads(message.value))]
    sent = [
        await producer.send(
            steps.RESULTS_TOPIC, json.dumps(found).encode(), key=f"{found['bucket']}/{found['key']}".encode()
        )
        for found in await asyncio.gather(*[ask(server, *upload) for upload in named])
    ]
    await asyncio.gather(*sent)


async def until_healthy(server: httpx.AsyncClient) -> None:
    while True:
        try:
            if (await server.get("/health")).is_success:
                return
        except httpx.TransportError:
            pass  # it starts
        await asyncio.sleep(0.2)


async def main() -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    consumer = AIOKafkaConsumer(
        steps.UPLOADS_TOPIC,
        bootstrap_servers=steps.BOOTSTRAP_SERVERS,
        group_id=steps.GROUP_ID,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=steps.BOOTSTRAP_SERVERS, acks="all")
    address = f"http://127.0.0.1:{os.environ['PEER_SERVER_PORT']}"
    async with httpx.AsyncClient(base_url=address, timeout=60, trust_env=False) as server:
        await until_healthy(server)
        async with producer, consumer:
            print("ready", flush=True)
            while not stopped.is_set():
                batches = await consumer.getmany(timeout_ms=200, max_records=IN_FLIGHT)
                messages = [message for batch in batches.values() for message in batch]
                if messages:
                    await process(messages, server, producer)
                    await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main())
