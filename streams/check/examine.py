"""``petstream check``: opens everything that a role needs, checks it, and names a remedy for each problem."""

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, Final

from streams.check.finding import Finding, Look, Role
from streams.runtime.remedies import explained
from streams.runtime.settings import (
    BridgeSettings,
    ClassifySettings,
    InvalidSettingsError,
    QueueMention,
    SinkSettings,
    load,
)

ROLES: Final[tuple[Role, ...]] = ("bridge", "classify", "sink")
NO_QUEUE: Final = Finding(
    "bridge", "queue", "not checked, as SQS_QUEUE_URL is not set: right for a store that publishes to Kafka itself"
)

# A role's packages are imported in its own check: the command also runs if other roles are not installed.
# ruff: noqa: PLC0415

_SETTINGS_OF: Final[dict[Role, type[Any]]] = {
    "bridge": BridgeSettings,
    "classify": ClassifySettings,
    "sink": SinkSettings,
}


def has_queue() -> bool:
    """Whether the environment names the bridge's queue."""
    return load(QueueMention).sqs_queue_url is not None


async def examine(role: Role, now: Callable[[str], None] = lambda _what: None) -> list[Finding]:
    """Check one role from this machine, all at the same time. ``now`` gets the name of each check that begins."""
    now(f"{role}: settings")
    try:
        settings = load(_SETTINGS_OF[role])
    except InvalidSettingsError as mistakes:
        _, *lines = str(mistakes).splitlines()
        return [
            Finding(role, "settings", "missing" if line.endswith("is not set") else "wrong", f"set {line.strip()}")
            for line in lines
        ]
    found = [Finding(role, "settings", "complete")]
    try:
        looks = _looks(role, settings)
    except ModuleNotFoundError as missing:
        return [*found, _not_installed(role, missing)]

    async def looked(what: str, look: Look) -> list[Finding]:
        now(f"{role}: {what}")
        try:
            return await look()
        except ModuleNotFoundError as missing:
            return [_not_installed(role, missing)]

    return found + list(chain(*await asyncio.gather(*(looked(*each) for each in looks))))


def _not_installed(role: Role, missing: ModuleNotFoundError) -> Finding:
    explanation = explained(missing)
    if explanation is None:
        raise missing
    return Finding(role, "packages", f"{missing.name} is not installed", explanation.remedy)


def _looks(role: Role, settings: Any) -> list[tuple[str, Look]]:
    from streams.check.kafka import kafka
    from streams.check.model import model, room, shadow

    everywhere: list[tuple[str, Look]] = [
        ("temporary files", _in_a_thread(room, role)),
        ("kafka", partial(kafka, role, settings)),
    ]
    if role == "sink":
        from streams.check.database import database, reader

        return [*everywhere, ("reader", partial(reader, settings)), ("database", partial(database, settings))]
    from streams.check.aws import bucket, notifications, queue

    if role == "bridge":
        return [
            *everywhere,
            ("queue", _in_a_thread(queue, settings)),
            ("notifications", _in_a_thread(notifications, settings)),
        ]
    return [
        *everywhere,
        ("bucket", _in_a_thread(bucket, settings)),
        ("model", _in_a_thread(model, settings)),
        ("shadow model", _in_a_thread(shadow, settings)),
    ]


def _in_a_thread(look: Callable[[Any], list[Finding]], about: Any) -> Look:
    return partial(asyncio.to_thread, look, about)
