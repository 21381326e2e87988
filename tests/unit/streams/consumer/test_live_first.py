"""How much bulk work may be in flight beside live uploads."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from streams.consumer.gated_intake import Head
from streams.consumer.live_first import QUIET_SECONDS, STARVED_SECONDS, BulkLimit, LiveFirst

HEAD = Head("image-uploads-bulk", 0, datetime(2026, 11, 29, tzinfo=UTC))
FOREVER = float("inf")


@pytest.mark.parametrize(
    ("decoders", "limit"),
    [
        (1, BulkLimit(1, 8)),
        (2, BulkLimit(1, 16)),
        (8, BulkLimit(2, 64)),
        (16, BulkLimit(4, 128)),
        (32, BulkLimit(8, 128)),
    ],
)
def test_the_limit_grows_with_the_machine(decoders: int, limit: BulkLimit) -> None:
    assert BulkLimit.of(decoders, 128) == limit


@pytest.mark.parametrize(
    ("live", "quiet", "starved", "left"),
    [
        (0, FOREVER, FOREVER, 8),  # nobody uploads
        (0, QUIET_SECONDS, 0, 8),
        (0, QUIET_SECONDS - 0.1, 0, 2),  # somebody did a moment ago
        (1, 0, 0, 1),
        (2, 0, 0, 0),
        (128, 0, STARVED_SECONDS - 0.1, 0),
        (128, 0, STARVED_SECONDS, 1),  # a backlog of live uploads: bulk work is slow, and goes on
        (128, FOREVER, 0, 0),  # live uploads that take long are live uploads
    ],
)
def test_live_uploads_take_the_room_of_bulk_ones(live: int, quiet: float, starved: float, left: int) -> None:
    assert BulkLimit(beside=2, alone=8).left(live=live, quiet_seconds=quiet, starved_seconds=starved) == left


class Machine:
    """A gate whose clock and uploads a test moves by hand; ``beside`` is 1, ``alone`` 8."""

    def __init__(self) -> None:
        self.now, self.bulk = 100.0, 0
        self.gate = LiveFirst(BulkLimit(1, 8), lambda: self.now)

    def takes(self) -> int:
        """How many bulk uploads can be taken now; they are."""
        before = self.bulk
        while self.gate.seconds(HEAD) <= 0:
            self.bulk += 1
            self.gate.bulk(self.bulk)
        return self.bulk - before

    def settle(self, number: int) -> None:
        self.bulk -= number
        self.gate.bulk(self.bulk)


def test_bulk_has_the_machine_until_the_first_live_upload_and_again_some_time_after_the_last() -> None:
    machine = Machine()
    assert machine.takes() == 8
    machine.gate.live(1)
    machine.settle(8)
    assert machine.takes() == 0
    machine.gate.live(0)
    assert machine.takes() == 1
    machine.now += QUIET_SECONDS
    assert machine.takes() == 7


def test_bulk_goes_on_slowly_behind_live_uploads_without_end() -> None:
    machine = Machine()
    machine.gate.live(100)
    taken = 0
    for _ in range(20):
        machine.now += STARVED_SECONDS / 2
        machine.gate.live(100)
        if machine.bulk:
            machine.settle(machine.bulk)
        taken += machine.takes()
    assert 5 <= taken <= 10


@pytest.mark.parametrize(
    ("shuts", "opens"),
    [
        (lambda machine: machine.takes(), lambda machine: machine.settle(8)),
        (lambda machine: machine.gate.live(2), lambda machine: machine.gate.live(0)),
    ],
)
async def test_who_waits_hears_at_once_and_in_turn_of_what_settles(
    shuts: Callable[[Machine], None], opens: Callable[[Machine], None]
) -> None:
    machine = Machine()
    machine.gate.bulk(0)  # a moment ago: it does not starve
    shuts(machine)
    taken = []

    async def lane(number: int) -> None:
        while machine.gate.seconds(HEAD) > 0:
            await machine.gate.wait(60)
        taken.append(number)

    async with asyncio.timeout(60):
        async with asyncio.TaskGroup() as lanes:
            for number in range(3):
                lanes.create_task(lane(number))
            await asyncio.sleep(0)
            opens(machine)
    assert taken == [0, 1, 2]


async def test_who_waits_asks_again_when_time_may_have_opened_the_gate() -> None:
    machine = Machine()
    machine.takes()
    assert 0 < machine.gate.seconds(HEAD) <= 0.1
    await machine.gate.wait(0)
