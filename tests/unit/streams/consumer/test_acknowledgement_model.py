"""
The acknowledgement rule against a model of Kafka and Faust that is as hostile as they may be.

Faust is taken at its worst: it commits past holes, up to the highest offset that was acknowledged, also by deliveries
of a generation that is over. A crash and a revocation begin again at what was committed. Whatever happens in whatever
order, no committed message may lack its confirmed outcomes, and in the end every message must have them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.consumer.acknowledgement import Delivery, InOrderAcknowledgement
from streams.consumer.batches import Batcher
from streams.consumer.intake import Intake

PARTITIONS = 3
SOME_PARTITION = st.integers(0, PARTITIONS - 1)


@dataclass(eq=False)
class Event:
    """One delivery of one message."""

    partition: int
    generation: int
    offset: int
    acks: int = 0
    is_confirmed: bool = False
    value: bytes = b""

    def __post_init__(self) -> None:
        self.message = SimpleNamespace(
            tp=("uploads", self.partition),
            generation_id=self.generation,
            topic="uploads",
            offset=self.offset,
            timestamp=0.0,
        )

    def ack(self) -> None:
        self.acks += 1


class Process(Protocol):
    """What lives between two crashes."""

    def deliver(self, event: Event) -> None: ...

    def confirm(self, event: Event) -> None: ...

    def fail(self, event: Event) -> None: ...

    def end(self) -> None: ...


class Rule:
    """The rule alone."""

    def __init__(self) -> None:
        self._acknowledgement: InOrderAcknowledgement[Event] = InOrderAcknowledgement()
        self._deliveries: dict[Event, Delivery[Event]] = {}

    def deliver(self, event: Event) -> None:
        lane = (event.message.tp, event.message.generation_id)
        self._deliveries[event] = self._acknowledgement.track(event, lane)

    def confirm(self, event: Event) -> None:
        self._acknowledgement.settle(self._deliveries.pop(event))

    def fail(self, event: Event) -> None:
        self._deliveries.clear()

    def end(self) -> None:
        self._deliveries.clear()


class Agent:
    """The rule as the agents use it: a stream, tasks, and work that returns, raises or is cancelled."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._arriving: asyncio.Queue[Event] = asyncio.Queue()
        self._outcomes: dict[Event, asyncio.Future[None]] = {}
        self._acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
        intake = Intake(self._acknowledgement, topics=[], topic_prefix="", max_in_flight=1000)
        batcher: Batcher[Any, Any] = Batcher(_idle, max_size=1, max_wait_seconds=0)
        self._running = self._loop.create_task(intake.run(self, batcher, self._work))

    def noack(self) -> "Agent":
        return self

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._arriving.get()

    async def _work(self, delivery: Delivery[Event], _topic: str) -> None:
        self._outcomes[delivery.event] = self._loop.create_future()
        await self._outcomes[delivery.event]

    def deliver(self, event: Event) -> None:
        self._arriving.put_nowait(event)
        self._turn()

    def confirm(self, event: Event) -> None:
        self._outcomes.pop(event).set_result(None)
        self._turn()

    def fail(self, event: Event) -> None:
        self._outcomes.pop(event).set_exception(RuntimeError("a bug"))
        self._turn()
        assert self._running.done()
        assert isinstance(self._running.exception(), ExceptionGroup)
        self._loop.close()

    def end(self) -> None:
        self._running.cancel()
        with suppress(asyncio.CancelledError, ExceptionGroup):
            self._loop.run_until_complete(self._running)
        self._loop.close()

    def _turn(self) -> None:
        async def several() -> None:
            for _ in range(8):
                await asyncio.sleep(0)

        self._loop.run_until_complete(several())


async def _idle(batch: Any) -> Any:
    return list(batch)


@dataclass
class Partition:
    """Kafka's side."""

    written: int = 0
    position: int = 0
    committed: int = 0
    generation: int = 0
    confirmed: set[int] = field(default_factory=set)
    """Offsets whose outcomes the broker has confirmed, ever."""


class Machine(RuleBasedStateMachine):
    make: ClassVar[Callable[[], Process]]

    def __init__(self) -> None:
        super().__init__()
        self.partitions = [Partition() for _ in range(PARTITIONS)]
        self.process = type(self).make()
        self.lanes: dict[tuple[int, int], list[Event]] = defaultdict(list)
        """Of the process that lives now, by partition and generation, in order of arrival."""

    @property
    def open(self) -> list[Event]:
        return [event for lane in self.lanes.values() for event in lane if not event.is_confirmed]

    @rule(partition=SOME_PARTITION, count=st.integers(1, 4))
    def write(self, partition: int, count: int) -> None:
        self.partitions[partition].written += count

    @rule(partition=SOME_PARTITION, count=st.integers(1, 4))
    def deliver(self, partition: int, count: int) -> None:
        log = self.partitions[partition]
        for _ in range(min(count, log.written - log.position)):
            event = Event(partition, log.generation, log.position)
            self.lanes[partition, log.generation].append(event)
            log.position += 1
            self.process.deliver(event)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), count=st.integers(1, 4))
    def confirm(self, data: st.DataObject, count: int) -> None:
        for event in data.draw(st.permutations(self.open))[:count]:
            self._confirm(event)

    @rule()
    def commit(self) -> None:
        for (partition, _), lane in self.lanes.items():
            acked = [event.offset + 1 for event in lane if event.acks]
            log = self.partitions[partition]
            log.committed = max([log.committed, *acked])

    @rule(partition=SOME_PARTITION, count=st.integers(0, 4))
    def revoke(self, partition: int, count: int) -> None:
        """Taken away and given back: read again from what was committed, older deliveries being still on their way."""
        log = self.partitions[partition]
        log.generation += 1
        log.position = log.committed
        self.deliver(partition, count)

    @rule(data=st.data(), is_bug=st.booleans())
    def crash(self, data: st.DataObject, is_bug: object) -> None:
        """A kill; or a bug in some work: nothing at or after that may be acknowledged, and the process ends."""
        if is_bug and self.open:
            self.process.fail(data.draw(st.sampled_from(self.open)))
            self.the_model_holds()
        else:
            self.process.end()
        self._begin_again()

    @invariant()
    def the_model_holds(self) -> None:
        for lane in self.lanes.values():
            prefix = next((i for i, event in enumerate(lane) if not event.is_confirmed), len(lane))
            assert [event.acks for event in lane] == [1] * prefix + [0] * (len(lane) - prefix)

    @invariant()
    def nothing_unfinished_is_ever_committed(self) -> None:
        for log in self.partitions:
            assert set(range(log.committed)) <= log.confirmed

    def teardown(self) -> None:
        """Let everything come to its end: nothing may be left."""
        try:
            for partition, log in enumerate(self.partitions):
                self.deliver(partition, log.written)
            for event in self.open:
                self._confirm(event)
            self.commit()
            self.the_model_holds()
            self.nothing_unfinished_is_ever_committed()
        finally:
            self.process.end()
        for log in self.partitions:
            assert (log.committed, log.confirmed) == (log.written, set(range(log.written)))

    def _confirm(self, event: Event) -> None:
        event.is_confirmed = True
        self.partitions[event.partition].confirmed.add(event.offset)
        self.process.confirm(event)

    def _begin_again(self) -> None:
        self.lanes.clear()
        for log in self.partitions:
            log.generation += 1
            log.position = log.committed
        self.process = type(self).make()


class RuleMachine(Machine):
    make = Rule


class AgentMachine(Machine):
    make = Agent


TestTheRule = RuleMachine.TestCase
TestTheRule.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestTheAgent = AgentMachine.TestCase
TestTheAgent.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
