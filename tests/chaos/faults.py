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
    "a classifier is frozen",
    "a sink is frozen",
    "retention takes unread uploads",
    "a folder is deleted before it is read",
    "single objects are never served",
    "one user's objects are never served",
    "hostile messages come",
]


@dataclass(frozen=True, slots=True)
class Kind:
    """
    How often a fault is drawn, compared with the others, and how many seconds it lasts.

    Attributes:
        always: so many of it are in every run, besides those that are drawn.
        in_calm: these strike while nothing else is broken: only then is it seen whether others have to wait for them.
    """

    weight: int
    shortest: float
    longest: float
    always: int = 0
    in_calm: bool = False


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
    "a classifier is frozen": Kind(1, 2, 14, always=2),
    "a sink is frozen": Kind(1, 2, 14, always=2),
    "retention takes unread uploads": Kind(0, 0, 0, always=1),
    "a folder is deleted before it is read": Kind(1, 0, 0, always=1, in_calm=True),
    "single objects are never served": Kind(1, 0, 0, always=1, in_calm=True),
    "one user's objects are never served": Kind(2, 0, 0, always=1, in_calm=True),
    "hostile messages come": Kind(1, 0, 0, always=1, in_calm=True),
}
"""All but the kills, which are counted, not drawn."""

KILLS: Final[tuple[Kill, ...]] = get_args(Kill)
NEEDS: Final[Mapping[Fault, str]] = {"kill bridge": "kafka", "kill classify": "store", "kill sink": "postgres"}
"""While this part is broken, the process holds work that it has taken and not finished."""

LONG_OUTAGE_SECONDS: Final = 60.0
LONG_FREEZE_SECONDS: Final = 12.0
"""Twice the session time-out of a run: the group has given the process up when it goes on."""
CALM_BEFORE_SECONDS: Final = 10.0
CALM_AFTER_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Planned:
    """
    A fault, so many seconds into the run, and for how long; ``seed`` is for what else is left to chance.

    ``calm_seconds``: so long before it, everything must have been mended.
    """

    fault: Fault
    at_seconds: float
    lasts_seconds: float
    seed: int
    calm_seconds: float = 0.0


_DRAWN: Final = tuple(kind for kind in KINDS if not KINDS[kind].always)
POISON: Final = tuple(kind for kind in KINDS if KINDS[kind].always)
"""What is in every run, however few faults are asked for."""
SHORT_RUNS: Final[tuple[Collection[Fault], ...]] = _DRAWN[0::2], _DRAWN[1::2], POISON[:4], POISON[4:]
"""All kinds but the kills, in runs that may go at the same time. The first two have some of every part each."""


def is_shared(fault: str) -> bool:
    """Whether nobody's picture can be classified meanwhile: of store, Kafka and classifiers, not of objects."""
    return fault.startswith(("store ", "kafka ", "retention ")) or "classif" in fault


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
    something else that the process needs is broken. What is in every run comes besides.

    Args:
        pause_seconds: from the begin of one to the begin of the next, in the mean.
        nodes: of the Kafka cluster; one alone has no leader to lose to another.
        scale: of the seconds that each lasts.
        of: the kinds to draw from, beside the kills.
    """
    rng = random.Random(seed + 1)
    kinds = [kind for kind in of if nodes > 1 or kind != "kafka loses a leader"]
    once = [kind for kind in kinds if not KINDS[kind].always]
    drawn: list[Fault] = rng.sample(once, len(once))
    drawn += rng.choices(kinds, [KINDS[kind].weight for kind in kinds], k=max(0, faults - kills - len(once)))
    deck: list[Fault] = [*drawn[: faults - kills], *(KILLS[number % len(KILLS)] for number in range(kills))]
    deck += [kind for kind in kinds for _ in range(KINDS[kind].always)]
    rng.shuffle(deck)
    planned: list[Planned] = []
    at = 0.0
    for fault in deck:
        kind = KINDS.get(fault, Kind(0, 0, 0))
        calm = CALM_BEFORE_SECONDS * scale * kind.in_calm
        if kind.in_calm:  # when all is mended
            at = max([at, *(each.at_seconds + each.lasts_seconds for each in planned)]) + calm
        else:
            at += rng.uniform(0.5, 1.5) * pause_seconds
        lasts = rng.uniform(kind.shortest, kind.longest) * scale
        planned.append(Planned(fault, at, lasts, rng.randrange(2**32), calm))
        at += CALM_AFTER_SECONDS * scale * kind.in_calm
    return sorted((_struck_while_busy(each, planned, rng) for each in planned), key=lambda each: each.at_seconds)


def _struck_while_busy(kill: Planned, planned: Sequence[Planned], rng: random.Random) -> Planned:
    """Move two kills of three into a fault of what the process waits for: only what holds work can lose any."""
    needed = NEEDS.get(kill.fault, "nothing")
    faults = [each for each in planned if each.fault.startswith(needed) and each.lasts_seconds > 1]
    if not faults or rng.random() < 1 / 3:
        return kill
    fault = rng.choice(faults)
    return replace(kill, at_seconds=fault.at_seconds + rng.uniform(0.5, 1) * fault.lasts_seconds)


def at_length(planned: Sequence[Planned]) -> list[Planned]:
    """The same, with a stop of PostgreSQL that lasts a minute and a process of each kind that is frozen for long."""
    longest = {
        "postgres stops": LONG_OUTAGE_SECONDS,
        "a classifier is frozen": LONG_FREEZE_SECONDS,
        "a sink is frozen": LONG_FREEZE_SECONDS,
    }
    return [replace(each, lasts_seconds=longest.pop(each.fault)) if each.fault in longest else each for each in planned]
