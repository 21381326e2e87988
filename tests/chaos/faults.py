"""What a run breaks and when, drawn from a seed. Pure."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

Kill = Literal["kill bridge", "kill classify", "kill sink"]
Fault = Literal[
    Kill,
    "a second classifier joins and leaves",
    "old notifications come again",
    "store answers 503",
    "store forbids everything",
    "store is slow",
    "store cuts answers short",
    "store refuses connections",
    "queue answers 503",
    "queue delivers twice",
    "queue delivers out of order",
    "kafka stops",
    "kafka is killed",
    "kafka loses a leader",
    "postgres stops",
    "postgres is killed",
    "postgres restarts",
    "postgres only reads",
    "postgres connections are cut",
    "postgres tables are locked",
    "postgres rows are locked",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """How often a fault is drawn, compared with the others, and how many seconds it lasts."""

    weight: int
    shortest: float
    longest: float


KINDS: Final[Mapping[Fault, Kind]] = {
    "a second classifier joins and leaves": Kind(2, 1, 8),
    "old notifications come again": Kind(3, 0, 0),
    "store answers 503": Kind(2, 3, 12),
    "store forbids everything": Kind(2, 3, 12),
    "store is slow": Kind(2, 5, 15),
    "store cuts answers short": Kind(2, 3, 12),
    "store refuses connections": Kind(2, 3, 12),
    "queue answers 503": Kind(1, 3, 12),
    "queue delivers twice": Kind(2, 5, 20),
    "queue delivers out of order": Kind(2, 5, 20),
    "kafka stops": Kind(1, 1, 8),
    "kafka is killed": Kind(1, 1, 5),
    "kafka loses a leader": Kind(4, 3, 15),
    "postgres stops": Kind(1, 2, 12),
    "postgres is killed": Kind(1, 1, 6),
    "postgres restarts": Kind(1, 0, 0),
    "postgres only reads": Kind(2, 3, 12),
    "postgres connections are cut": Kind(2, 2, 8),
    "postgres tables are locked": Kind(2, 3, 20),
    "postgres rows are locked": Kind(1, 3, 20),
}
"""All but the kills, which are counted, not drawn."""

KILLS: Final[tuple[Kill, ...]] = get_args(Kill)
NEEDS: Final[Mapping[Fault, str]] = {"kill bridge": "kafka", "kill classify": "store", "kill sink": "postgres"}
"""While this part is broken, the process holds work that it has taken and not finished."""

LONG_OUTAGE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, so many seconds into the run, and for how long; ``seed`` is for what else is left to chance."""

    fault: Fault
    at_seconds: float
    lasts_seconds: float
    seed: int


HALVES: Final[tuple[Collection[Fault], Collection[Fault]]] = tuple(KINDS)[0::2], tuple(KINDS)[1::2]
"""All kinds but the kills, in two runs that may go at the same time: each has some of every part."""


def schedule(
    seed: int,
    *,
    faults: int,
    kills: int,
    pause_seconds: float,
    nodes: int = 1,
    scale: float = 1.0,
    of: Collection[Fault] = KINDS,
) -> list[Planned]:
    """
    What is broken when: so many faults, of which so many are kills, spread evenly over the roles.

    Every other kind comes at least once where there is room for it, further ones by weight. Most kills strike while
    something else that the process needs is broken.

    Args:
        pause_seconds: from the begin of one to the begin of the next, in the mean.
        nodes: of the Kafka cluster; one alone has no leader to lose to another.
        scale: of the seconds that each lasts.
        of: the kinds to draw from, beside the kills.
    """
    rng = random.Random(seed + 1)
    kinds = [kind for kind in of if nodes > 1 or kind != "kafka loses a leader"]
    drawn: list[Fault] = rng.sample(kinds, len(kinds))
    drawn += rng.choices(kinds, [KINDS[kind].weight for kind in kinds], k=max(0, faults - kills - len(kinds)))
    deck: list[Fault] = [*drawn[: faults - kills], *(KILLS[number % len(KILLS)] for number in range(kills))]
    rng.shuffle(deck)
    planned, at = [], 0.0
    for fault in deck:
        at += rng.uniform(0.5, 1.5) * pause_seconds
        kind = KINDS.get(fault, Kind(0, 0, 0))
        planned.append(Planned(fault, at, rng.uniform(kind.shortest, kind.longest) * scale, rng.randrange(2**32)))
    return sorted((_struck_while_busy(each, planned, rng) for each in planned), key=lambda each: each.at_seconds)


def _struck_while_busy(kill: Planned, planned: Sequence[Planned], rng: random.Random) -> Planned:
    """Move two kills of three into a fault of what the process waits for: only what holds work can lose any."""
    needed = NEEDS.get(kill.fault, "nothing")
    faults = [each for each in planned if each.fault.startswith(needed) and each.lasts_seconds > 1]
    if not faults or rng.random() < 1 / 3:
        return kill
    fault = rng.choice(faults)
    return replace(kill, at_seconds=fault.at_seconds + rng.uniform(0.5, 1) * fault.lasts_seconds)


def with_long_outage(planned: Sequence[Planned]) -> list[Planned]:
    """The same, with one stop of PostgreSQL that lasts a whole minute."""
    stops = [each for each in planned if each.fault == "postgres stops"]
    return [replace(each, lasts_seconds=LONG_OUTAGE_SECONDS) if each in stops[:1] else each for each in planned]
