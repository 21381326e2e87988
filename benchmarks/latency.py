"""
Measures the latency from upload event to result event at a steady rate, relative to the time of the picture alone.

Both times are Kafka's timestamps, of the notification and of the result. The time alone is that of fetch, decode and
forward pass in sequence, in an idle process with the same code and all of the engine's threads.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from statistics import fmean, quantiles
from time import perf_counter

from benchmarks import workload
from benchmarks.contenders import Contender
from benchmarks.rig import Rig, Sandbox
from inference.classifier import Classifier
from inference.decode import Limits, decode
from streams.classify.images import S3Images
from streams.classify.object_store import Unlimited
from streams.notifications.upload import ImageUploaded


@dataclass(frozen=True, slots=True)
class Latency:
    """At one rate: milliseconds from event to event, and their ratio to the time of the picture alone."""

    per_second: float
    pictures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    times_p50: float
    times_p95: float


async def at_rate(
    rig: Rig, sandbox: Sandbox, contender: Contender, *, per_second: float, pictures: int, own_ms: Mapping[str, float]
) -> Latency:
    """Publish at this rate, then read both topics."""
    sent = await rig.publish(sandbox, pictures, per_second=per_second)
    took = await answered(rig, sandbox, contender.result_topics, [key for key, _ in sent])
    return summarise(per_second, [(took[key], own_ms[name]) for key, name in sent])


async def answered(rig: Rig, sandbox: Sandbox, result_topics: Sequence[str], keys: Sequence[str]) -> dict[str, float]:
    """Milliseconds from upload's event to result's event, by object key; waits a minute for the results."""
    await asyncio.sleep(0.2)
    uploaded = await _stamps(rig, sandbox, ("image-uploads",))
    for _ in range(600):
        results = await _stamps(rig, sandbox, result_topics)
        if all(key in results for key in keys):
            break
        await asyncio.sleep(0.1)
    return {key: results[key] - uploaded[key] for key in keys}


def summarise(per_second: float, pairs: Sequence[tuple[float, float]]) -> Latency:
    """Percentiles of (milliseconds taken, milliseconds alone); at least two pairs."""
    took = quantiles((each for each, _ in pairs), n=100, method="inclusive")
    times = quantiles((each / alone for each, alone in pairs), n=100, method="inclusive")
    return Latency(per_second, len(pairs), took[49], took[94], took[98], times[49], times[94])


async def alone_ms(
    classifier: Classifier, store_url: str, pictures: Sequence[workload.Picture], rounds: int = 1
) -> dict[str, float]:
    """Milliseconds of fetch, decode and forward pass alone, by picture name."""
    store = S3Images(
        lambda: None,
        endpoint=store_url,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
        region="us-east-1",
        access_key_id="none",
        secret_access_key="none",  # noqa: S106 - the store looks at no signature
    )
    found: dict[str, list[float]] = {picture.name: [] for picture in pictures}
    for number in range(-1, rounds):  # the first round warms everything up
        for picture in pictures if number >= 0 else islice(pictures, 10):
            upload = ImageUploaded("pictures", f"uploads/alone/{picture.name}", datetime.now(UTC), "0" * 64)
            began = perf_counter()
            stored = await store.fetch(upload, 2**30, Unlimited())
            classifier.predict([decode(stored.data, classifier.manifest.input, Limits())])
            if number >= 0:
                found[picture.name].append(1000 * (perf_counter() - began))
    return {name: fmean(times) for name, times in found.items()}


async def _stamps(rig: Rig, sandbox: Sandbox, topics: Sequence[str]) -> dict[str, float]:
    """Kafka's timestamps in milliseconds by object key; the first of each."""
    stamps: dict[str, float] = {}
    for message in await rig.results(sandbox, topics):
        stamps.setdefault(message.key.decode().partition("/")[2], message.timestamp)
    return stamps
