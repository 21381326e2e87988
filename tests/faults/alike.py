"""What the tests of what fails alike share: many pictures, the guard's words, and what was rejected."""

from dataclasses import dataclass
from typing import Final

from deploy.local.pipeline import Worker
from streams.contracts import decode_rejected
from tests.world import World, metric

GUARDED: Final = {"ALIKE_REJECTIONS_MAX": "10"}
MANY: Final = 20
"""Well above what may be rejected alike."""


@dataclass
class Guarded:
    """A pipeline and its picture of a cat."""

    world: World
    cat: bytes

    def put(self, data: bytes, count: int, name: str) -> list[str]:
        """So many objects, under keys of this name."""
        keys = [f"uploads/ann/{name}-{i}.jpg" for i in range(count)]
        for key in keys:
            self.world.put(key, data)
        return keys

    async def rejected(self) -> list[str]:
        """The reasons of all rejections so far."""
        return [decode_rejected(message.value).reason for message in await self.world.events("image-rejections")]

    def wait_doubted(self, worker: Worker, says: str) -> None:
        """Until the guard says so, and has sent back each of the pictures twice, in the mean."""
        self.world.eventually(lambda: says in warnings(worker))
        tried = retries(worker)
        self.world.eventually(lambda: retries(worker) >= tried + 2 * MANY)

    def assert_cats(self, keys: list[str]) -> None:
        """All these end as what they are."""
        outcomes = self.world.wait_outcomes(*keys, within_seconds=90)
        assert {key: outcomes[key] for key in keys} == dict.fromkeys(keys, "cat")


def warnings(worker: Worker) -> str:
    """What the worker warns of, while it lives."""
    said = worker.health() or {}
    assert said.get("status") != "failing"
    return str(said.get("warnings"))


def retries(worker: Worker) -> float:
    """How many rejections the guard has not given."""
    return metric(worker, 'petstream_retries_total{component="guard"}')
