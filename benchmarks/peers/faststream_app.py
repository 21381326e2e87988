"""
FastStream on Kafka.

After its documentation: "Batch Subscriber", "Publishing in Batches" (KafkaPublishMessage gives each message
its key), "Consuming Acknowledgements" (NACK_ON_ERROR: at least once). Blocking work runs in asyncio.to_thread.
"""

import asyncio
from typing import Any

import torch
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaPublishMessage

from benchmarks.peers import steps

store = steps.Store()
model = steps.Model()
broker = KafkaBroker(steps.BOOTSTRAP_SERVERS, acks="all")
app = FastStream(broker)


def fetch_and_decode(bucket: str, key: str) -> torch.Tensor:
    return model.decode(store.fetch(bucket, key))


@broker.subscriber(
    steps.UPLOADS_TOPIC,
    batch=True,
    max_records=steps.BATCH,
    group_id=steps.GROUP_ID,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
)
async def classify(notifications: list[dict[str, Any]]) -> None:
    named = [upload for notification in notifications for upload in steps.uploads(notification)]
    pixels = await asyncio.gather(*[asyncio.to_thread(fetch_and_decode, *upload) for upload in named])
    answers = await asyncio.to_thread(model.classify, torch.stack(pixels))
    await broker.publish_batch(
        *[
            KafkaPublishMessage(steps.result(bucket, key, answer), key=f"{bucket}/{key}".encode())
            for (bucket, key), answer in zip(named, answers, strict=True)
        ],
        topic=steps.RESULTS_TOPIC,
    )


@app.after_startup
async def announce() -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(app.run())
