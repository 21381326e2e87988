"""
Quix Streams.

After its documentation: "Processing & Transforming Data" (apply with expand=True for a message that names several
objects, to_topic with a key), "Checkpointing" (at least once; offsets are committed each five seconds, its default).
A function of a StreamingDataFrame is given one message at a time.
"""

from typing import Any

import torch
from quixstreams import Application

from benchmarks.peers import steps

store = steps.Store()
model = steps.Model()


def classify(notification: dict[str, Any]) -> list[dict[str, Any]]:
    named = list(steps.uploads(notification))
    answers = model.classify(torch.stack([model.decode(store.fetch(bucket, key)) for bucket, key in named]))
    return [steps.result(bucket, key, answer) for (bucket, key), answer in zip(named, answers, strict=True)]


def main() -> None:
    app = Application(
        broker_address=steps.BOOTSTRAP_SERVERS,
        consumer_group=steps.GROUP_ID,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        producer_extra_config={"acks": "all"},
    )
    uploads = app.topic(steps.UPLOADS_TOPIC, value_deserializer="json")
    results = app.topic(steps.RESULTS_TOPIC, key_serializer="str", value_serializer="json")
    frame = app.dataframe(uploads).apply(classify, expand=True)
    frame.to_topic(results, key=lambda value: f"{value['bucket']}/{value['key']}")
    print("ready", flush=True)  # it has no hook for the moment after; what arrives meanwhile waits on the topic
    app.run()


if __name__ == "__main__":
    main()
