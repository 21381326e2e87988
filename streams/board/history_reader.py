"""Fills the history with results that the board did not read: of the day before its start, or of an outage of Kafka."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import msgspec
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.board.history import DAY, HOUR, MINUTE, QUARTER, History, Result
from streams.board.pictures import Outcome
from streams.contracts import decode_classified, decode_rejected
from streams.contracts.message_time import message_time
from streams.contracts.topics import IMAGE_CLASSIFICATIONS
from streams.kafka.client_tasks import ClientEndedError
from streams.kafka.consumer import Consumer
from streams.kafka.security import client_options
from streams.kafka.stopping import started
from streams.runtime.settings import KafkaSettings

SAMPLE: Final = 60
"""Most messages that are read of a topic in one period. Offsets tell how many there are."""
PERIOD: Final = QUARTER / 3
"""Before the last hour. Within it, a period is a minute: 342 at most."""
FETCH_BYTES: Final = 16 * 1024
"""Most bytes of a partition in one fetch. A larger message is fetched alone."""
READ_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 5.0
ATTEMPTS: Final = 5
"""After as many, the history has a gap."""

Offsets = Mapping[TopicPartition, int]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unread:
    """
    What the board has not read of the topics of results.

    ``read``: the next offset of the partitions that it read before. ``until``: the first offset that it reads again, of
    all partitions. ``since``: when Kafka answered last; None: before the start of the board.
    """

    read: Offsets
    until: Offsets
    since: datetime | None
    now: datetime


class HistoryReader:
    """Reads offsets by time, and a sample of the messages between them: seconds of work, whatever the traffic was."""

    def __init__(self, settings: KafkaSettings, history: History) -> None:
        self._settings = settings
        self._history = history
        self._asked: asyncio.Queue[Unread] = asyncio.Queue()

    def ask(self, unread: Unread) -> None:
        """Have something read soon."""
        self._asked.put_nowait(unread)

    async def follow(self) -> None:
        """Read what is asked for, until cancelled."""
        while True:
            unread = await self._asked.get()
            for _ in range(ATTEMPTS):
                try:
                    await self._fill(unread)
                    break
                except (KafkaError, TimeoutError, ClientEndedError) as error:
                    log.info("board.history_unread", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _fill(self, unread: Unread) -> None:
        client = Consumer(
            **client_options(self._settings),
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=100,
        )
        async with started(client):
            await client._client.fetch_all_metadata()  # noqa: SLF001 - the consumer knows no partitions otherwise
            results, since = await read(client, unread)
        self._history.fill(results, since, unread.now)


async def read(client: Consumer, unread: Unread) -> tuple[list[Result], datetime]:
    """
    The unread results, and since when they are complete: Kafka may have deleted older ones.

    Raises:
        KafkaError
        TimeoutError: a message did not come.
    """
    periods = _periods(max(unread.since or _day_before(unread.now), _day_before(unread.now)), unread.now)
    first, since = await _first_offsets(client, unread, periods[0])
    offsets = await _offsets(client, periods, first, unread.until)
    results: list[Result] = []
    for before, after in pairwise(offsets):
        there = {at: range(before[at], after[at]) for at in before if before[at] < after[at]}
        results += await _sample(client, there, unread.now)
    return results, since


def _day_before(now: datetime) -> datetime:
    """The beginning of the first quarter of an hour of the day before a moment."""
    seconds = QUARTER.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC) - DAY


def _periods(first: datetime, now: datetime) -> Sequence[datetime]:
    """The beginnings of the periods, and now."""
    found, at = [first], first
    while at < now:
        step = PERIOD if at < now - HOUR - PERIOD else MINUTE
        seconds = step.total_seconds()
        at = datetime.fromtimestamp((at.timestamp() // seconds + 1) * seconds, UTC)
        found.append(min(at, now))
    return found


async def _first_offsets(client: Consumer, unread: Unread, at: datetime) -> tuple[Offsets, datetime]:
    """The offsets with which to begin, and since when no message is missing."""
    beginnings = await client.beginning_offsets(unread.until)
    found = await _by_time(client, unread.until, at)
    since = at
    for each, head in found.items():
        if head is not None and head.offset == beginnings[each] > 0 and each not in unread.read:
            since = max(since, message_time(head.timestamp, unread.now))
    offsets = {
        each: min(end, max(unread.read.get(each, 0), end if found[each] is None else found[each].offset))
        for each, end in unread.until.items()
    }
    return offsets, since


async def _offsets(client: Consumer, times: Sequence[datetime], first: Offsets, last: Offsets) -> list[Offsets]:
    """The offsets at each time. Between two times with equal offsets, nothing is asked."""
    found: dict[int, Offsets] = {0: first, len(times) - 1: last}

    async def halve(low: int, high: int) -> None:
        middle = (low + high) // 2
        if middle == low:
            return
        if found[low] == found[high]:
            found.update(dict.fromkeys(range(low + 1, high), found[low]))
            return
        heads = await _by_time(client, last, times[middle])
        found[middle] = {
            each: min(max(found[low][each], end if head is None else head.offset), found[high][each])
            for each, end in last.items()
            for head in [heads[each]]
        }
        await halve(low, middle)
        await halve(middle, high)

    await halve(0, len(times) - 1)
    return [found[number] for number in range(len(times))]


async def _by_time(client: Consumer, partitions: Offsets, at: datetime) -> Mapping[TopicPartition, Any]:
    """The first message at a time or later; None if there is none."""
    found: Mapping[TopicPartition, Any] = await client.offsets_for_times(
        dict.fromkeys(partitions, round(at.timestamp() * 1000))
    )
    return found


async def _sample(client: Consumer, there: Mapping[TopicPartition, range], now: datetime) -> list[Result]:
    """Results of one period. Together they weigh as much as the period has messages."""
    results = []
    for topic in {at.topic for at in there}:
        parts = {at: offsets for at, offsets in there.items() if at.topic == topic}
        share = -(-SAMPLE // len(parts))
        messages = await _messages(client, {at: offsets[:share] for at, offsets in parts.items()})
        weight = sum(map(len, parts.values())) / max(1, len(messages))
        for message in messages:
            try:
                event = _decode(message)
            except (msgspec.DecodeError, ArithmeticError, ValueError):
                continue
            results.append(Result.of(event, message_time(message.timestamp, now), weight))
    return results


def _decode(message: Any) -> Outcome:
    decode = decode_classified if message.topic.endswith(IMAGE_CLASSIFICATIONS) else decode_rejected
    return decode(message.value or b"")


async def _messages(client: Consumer, wanted: Mapping[TopicPartition, range]) -> list[Any]:
    """The messages at these offsets. Offsets without a message are left out."""
    client.assign(list(wanted))
    for at, offsets in wanted.items():
        client.seek(at, offsets.start)
    found, left = [], set(wanted)
    async with asyncio.timeout(READ_SECONDS):
        while left:
            for at, messages in (await client.getmany(*left, timeout_ms=200)).items():
                found += [each for each in messages if each.offset in wanted[at]]
            left = {at for at in left if await client.position(at) < wanted[at].stop}
    client.unsubscribe()
    return found
