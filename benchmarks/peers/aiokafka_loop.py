"""
A loop written by hand with aiokafka.

After its documentation, "Consumer client": getmany for batches, manual commit once a batch is processed; and "Producer
client": send for each message, its confirmation awaited later. Blocking work runs in threads (asyncio.to_thread).
"""

import asyncio
import json
import signal

import torch
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from benchmarks.peers import steps

store = steps.Store()
model = steps.Model()


def fetch_and_decode(bucket: str, key: str) -> torch.Tensor:
    return model.decode(store.fetch(bucket, key))


async def process(messages: list[ConsumerRecord], producer: AIOKafkaProducer) -> None:
    named = [upload for message in messages for upload in steps.uploads(json.loads(message.value))]
    pixels = await asyncio.gather(*[asyncio.to_thread(fetch_and_decode, *upload) for upload in named])
    answers = await asyncio.to_thread(model.classify, torch.stack(pixels))
    sent = [
        await producer.send(
            steps.RESULTS_TOPIC,
            json.dumps(steps.result(bucket, key, answer)).encode(),
            key=f"{bucket}/{key}".encode(),
        )
        for (bucket, key), answer in zip(named, answers, strict=True)
    ]
    await asyncio.gather(*sent)


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
    async with producer, consumer:
        print("ready", flush=True)
        while not stopped.is_set():
            batches = await consumer.getmany(timeout_ms=200, max_records=steps.BATCH)
            messages = [message for batch in batches.values() for message in batch]
            if messages:
                await process(messages, producer)
                await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main())
