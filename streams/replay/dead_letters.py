"""Publishes the results of dead letters again, for example after a migration, so that the sink stores them."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from persistence import reads
from persistence.pool import Pool
from streams.contracts.topics import STORAGE_DEAD_LETTERS
from streams.kafka.scan import Position, scan
from streams.replay.letters import Letter, LetterFilter, is_overtaken, read
from streams.replay.messages import Once, OutgoingMessage, result_message
from streams.replay.republisher import Republisher
from streams.runtime.settings import KafkaSettings

LOOKED_UP_TOGETHER: Final = 100
"""Letters whose objects one statement looks up. They are held in memory, up to 4 MiB each."""


@dataclass(slots=True)
class Found:
    """Counts of a scan. ``unreadable``: messages of the topic that are not dead letters."""

    letters: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class ReplayedLetters:
    """
    Counts of a replay. ``overtaken``: the object has a newer outcome, or this one. ``repeated``: another letter has the
    same result. ``hopeless``: no row can hold the result under any schema. ``cut``: only the beginning of the event was
    kept.
    """

    messages: int = 0
    overtaken: int = 0
    repeated: int = 0
    hopeless: int = 0
    cut: int = 0


async def letters(
    settings: KafkaSettings,
    wanted: LetterFilter,
    found: Found,
    *,
    after: Position | None = None,
    on_total: Callable[[int], None] = lambda _total: None,
    on_read: Callable[[int], None] = lambda _count: None,
) -> AsyncGenerator[Letter, None]:
    """The letters that match the filter, oldest first; updates ``found``. Raises BrokerRefusal."""
    messages = scan(settings, STORAGE_DEAD_LETTERS, since=wanted.since, after=after, on_total=on_total, on_read=on_read)
    async with aclosing(messages):
        async for message in messages:
            letter = read(message)
            if letter is None:
                found.unreadable += 1
            elif wanted.takes(letter):
                found.letters += 1
                yield letter


async def replay(
    wanted: AsyncIterator[Letter],
    publisher: Republisher | None,
    pool: "Pool | None",
    *,
    limit: int | None = None,
) -> ReplayedLetters:
    """
    Publish the results of letters to their original topics.

    Args:
        wanted: The letters.
        publisher: None publishes nothing.
        pool: Looks up the stored outcomes; None publishes overtaken results too.
        limit: Maximum number of messages.

    Raises:
        PersistenceError, BrokerRefusal: some messages may be published already; a repetition is harmless.
    """
    done, first = ReplayedLetters(), Once()
    async for batch in _batches(wanted):
        results = [letter.result for letter in batch if letter.result is not None]
        stored = {each.id: each for each in await reads.find_many(pool, [r.id for r in results])} if pool else {}
        for letter in batch:
            if done.messages == limit:
                break
            if letter.letter.event_truncated:
                done.cut += 1
            elif letter.result is None:
                done.hopeless += 1
            elif is_overtaken(letter.result, stored):
                done.overtaken += 1
            else:
                await _publish(result_message(letter.letter, letter.result, letter.trace), publisher, first, done)
        if done.messages == limit:
            break
    if publisher is not None:
        await publisher.flush()
    return done


async def _publish(message: OutgoingMessage, publisher: Republisher | None, first: Once, done: ReplayedLetters) -> None:
    if not first(message):
        done.repeated += 1
        return
    done.messages += 1
    if publisher is not None:
        await publisher.publish(message)


async def _batches(wanted: AsyncIterator[Letter]) -> AsyncIterator[list[Letter]]:
    batch: list[Letter] = []
    async for letter in wanted:
        batch.append(letter)
        if len(batch) == LOOKED_UP_TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch
