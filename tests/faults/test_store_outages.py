"""The store misbehaves while pictures arrive. Whatever it answers, no picture is blamed and all get their labels."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.pipeline import Worker
from tests.chaos.plan import pictures
from tests.http_faults import Answers, Behaviour, CutShort, HttpFaults, Slow
from tests.world import World, metric

PICTURES = 10
SLOW_SECONDS = 1.5


@dataclass
class Faulty:
    """A pipeline whose classifier reaches its store through a proxy."""

    world: World
    store: HttpFaults
    classifier: Worker
    cat: bytes
    uploaded: int = 0

    def upload(self) -> list[str]:
        """Some pictures; every other key is one that goes another way to the store."""
        numbers = range(self.uploaded, self.uploaded + PICTURES)
        self.uploaded += PICTURES
        keys = [f"uploads/ann/{n}.jpg" if n % 2 else f"uploads/ann//{n}.jpg" for n in numbers]
        for key in keys:
            self.world.put(key, self.cat)
        return keys

    def wait_retried(self) -> None:
        """Until it is known for whose sake the pictures wait, and a probe was in vain."""

        def is_away() -> bool:
            said = self.classifier.health() or {}
            return said.get("status") == "degraded" and said["warnings"][0].startswith("object_store is away since")

        self.world.eventually(is_away)
        before = self._retries()
        self.world.eventually(lambda: self._retries() > before)

    def _retries(self) -> float:
        return metric(self.classifier, 'petstream_retries_total{component="object_store"}')

    async def assert_nothing_was_blamed(self, keys: list[str]) -> None:
        outcomes = self.world.wait_outcomes(*keys)
        assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")
        assert await self.world.events("image-rejections") == []
        self.world.eventually(lambda: (self.classifier.health() or {}).get("status") == "ok")


@pytest.fixture(scope="module")
def faulty(module_world: World, chelsea: bytes, coffee: bytes) -> Iterator[Faulty]:
    endpoint = module_world.stack.objects.endpoint_url
    assert endpoint is not None
    with HttpFaults(endpoint) as store:
        (classifier,) = module_world.start("classify", env={"S3_ENDPOINT_URL": store.url}, wait=False)
        module_world.start("bridge", "sink", wait=False)
        classifier.wait_ready()
        yield Faulty(module_world, store, classifier, pictures(chelsea, coffee)[0][0])
        module_world.stop()


@pytest.mark.parametrize(
    "behaviour",
    [
        Answers(503, "SlowDown"),
        Answers(500, "InternalError"),
        Answers(403, "ExpiredToken"),
        CutShort(),
    ],
    ids=str,
)
async def test_a_store_that_fails_for_everything_is_waited_for(faulty: Faulty, behaviour: Behaviour) -> None:
    faulty.store.behave(behaviour)
    keys = faulty.upload()
    faulty.wait_retried()
    faulty.store.mend()
    await faulty.assert_nothing_was_blamed(keys)


async def test_a_store_that_breaks_while_pictures_are_read_is_waited_for(faulty: Faulty) -> None:
    keys = []
    for behaviour in (Answers(503, "SlowDown"), Answers(403, "AccessDenied"), CutShort()):
        keys += faulty.upload()
        faulty.store.behave(behaviour)  # whatever is being read at this moment
        await asyncio.sleep(0.5)
        faulty.store.mend()
    await faulty.assert_nothing_was_blamed(keys)


async def test_a_store_that_refuses_connections_is_waited_for(faulty: Faulty) -> None:
    faulty.store.refuse()
    try:
        keys = faulty.upload()
        faulty.wait_retried()
    finally:
        faulty.store.mend()
    await faulty.assert_nothing_was_blamed(keys)


async def test_a_store_that_dawdles_only_takes_longer(faulty: Faulty) -> None:
    met = faulty.store.misbehaved
    faulty.store.behave(Slow(SLOW_SECONDS))
    try:
        keys = faulty.upload()
        await faulty.assert_nothing_was_blamed(keys)
    finally:
        faulty.store.mend()
    assert faulty.store.misbehaved >= met + PICTURES
