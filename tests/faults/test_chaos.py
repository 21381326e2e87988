"""The short chaos run: everything at once, from a seed; each object ends as its newest version must."""

import pytest

from tests.chaos.account import Expected, settle
from tests.chaos.plan import pictures, uploads
from tests.chaos.run import Chaos
from tests.world import World


@pytest.mark.durable
@pytest.mark.timeout(600)
async def test_nothing_is_lost_wrong_or_doubled_whatever_breaks(world: World, chelsea: bytes, coffee: bytes) -> None:
    chaos = Chaos(world, seed=7)
    plan = list(uploads(7, 250, pictures(chelsea, coffee)))
    account = await chaos.run(plan, fault_count=12, pause_seconds=2.5)
    assert account.holds, "\n".join(account.lines())
    assert account.uploaded == 250
    assert account.versions > 250


def row(key: str, version: str, outcome: str) -> dict[str, str | None]:
    rejected = outcome not in ("cat", "dog")
    return {
        "source_key": key,
        "source_version_id": version,
        "outcome": "rejected" if rejected else outcome,
        "reason": outcome if rejected else None,
    }


def test_the_account_finds_what_is_lost_wrong_or_doubled() -> None:
    expected = {key: Expected("v2", "cat") for key in ("good", "old", "other", "lost", "twice")}
    rows = [
        row("good", "v2", "cat"),
        row("old", "v1", "cat"),
        row("other", "v2", "missing"),
        row("twice", "v2", "cat"),
        row("twice", "v2", "cat"),
        row("from nowhere", "v1", "cat"),
    ]
    account = settle(expected, 7, rows, published=9, dead_letters=0)
    assert not account.holds
    assert account.lost == ["lost"]
    assert [text.partition(":")[0] for text in account.wrong] == ["old", "other"]
    assert set(account.doubled) == {"from nowhere", "twice"}
    assert account.reprocessed == 2
    assert settle({"good": Expected("v2", "cat")}, 1, rows[:1], published=1, dead_letters=0).holds
