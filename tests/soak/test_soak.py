"""
Soaks at a low rate with rolling restarts: half a minute, which loses nothing, and five minutes, in which nothing grows
either. Also that the verdict finds what grows.
"""

from itertools import pairwise

import pytest

from tests.chaos.plan import pictures
from tests.soak.plan import LEFT_ALONE, restarts
from tests.soak.run import Soak
from tests.soak.sampling import Sample
from tests.soak.verdict import longest, trend, trends
from tests.world import World


async def test_each_process_is_restarted_in_turn_and_nothing_is_lost(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    soak = Soak(world, pictures(chelsea, coffee), 18, 4, 4, 0.5)
    account = await soak.run()
    assert account.holds, "\n".join(account.lines())
    assert account.uploaded == 72
    assert {name.partition(" ")[0] for name, _, _ in soak.stops} == LEFT_ALONE.keys()
    assert {status for _, _, status in soak.stops} == {0}
    assert soak.faults == []
    assert {name.partition(" ")[0] for name, looks in soak.lives.items() if looks} == LEFT_ALONE.keys()


@pytest.mark.slow
async def test_nothing_grows_and_nothing_is_lost_while_processes_are_restarted_in_turn(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    soak = Soak(world, pictures(chelsea, coffee), 270, 2, 27, 1.5)
    account = await soak.run()
    assert account.holds, "\n".join(account.lines())
    assert account.uploaded == 540
    assert len(soak.stops) == 9
    assert soak.broken() == []


@pytest.mark.parametrize(("seconds", "every"), [(3600, 240), (270, 27), (300, 60)])
def test_each_role_is_restarted_and_each_is_left_alone_for_half_of_the_run(seconds: float, every: float) -> None:
    planned = list(restarts(seconds, every))
    assert [r.at_seconds for r in planned] == sorted(r.at_seconds for r in planned)
    for role in LEFT_ALONE:
        starts = [0.0, *(r.at_seconds for r in planned if r.role == role), seconds]
        assert len(starts) > 2
        assert max(b - a for a, b in pairwise(starts)) >= 0.5 * seconds


def look(at: float, resident_mib: float = 100.0, descriptors: float = 20.0) -> Sample:
    return Sample(at, resident_mib, 50, 1, descriptors, 10, 12, 3, 2, 1)


def test_a_leak_of_a_descriptor_a_minute_is_seen_and_noise_is_not() -> None:
    noisy = trends("sink 1", [look(at, 100 + at % 7, 20 + at % 3) for at in range(0, 1800, 5)])
    assert all(each.is_flat for each in noisy)
    leaking = trends("sink 1", [look(at, 100 + at / 36, 20 + at // 60) for at in range(0, 1800, 5)])
    assert {each.figure for each in leaking if not each.is_flat} == {"resident_mib", "descriptors"}
    assert next(each for each in leaking if each.figure == "resident_mib").slope_per_hour == pytest.approx(100)


def test_what_is_taken_at_the_start_is_no_growth() -> None:
    assert trend("sink 1", "resident_mib", [(at, min(500.0, 10.0 * at)) for at in range(0, 240, 2)]).is_flat


def test_the_longest_life_of_each_role_is_judged() -> None:
    lives = {"sink 1": [look(0), look(10)], "sink 2": [look(10), look(90)], "bridge 1": [look(0), look(90)]}
    assert sorted(longest(lives)) == ["bridge 1", "sink 2"]
