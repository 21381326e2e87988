"""A seed draws the same run each time; every fault has its place in it."""

from collections import Counter

from tests.chaos.clock import Clock
from tests.chaos.faults import (
    CALM_AFTER_SECONDS,
    CALM_BEFORE_SECONDS,
    KILLS,
    KINDS,
    LONG_FREEZE_SECONDS,
    LONG_OUTAGE_SECONDS,
    NEEDS,
    POISON,
    SHORT_RUNS,
    Planned,
    at_length,
    is_shared,
    schedule,
)
from tests.chaos.plan import UNVERSIONED_FOLDER, uploads

CONTENTS = [(b"c", "cat"), (b"d", "dog"), (b"n", "not_a_pet"), (b"u", "undecodable"), (b"t", "unsupported_format")]


def test_the_same_seed_draws_the_same_objects_and_faults_and_another_seed_others() -> None:
    assert list(uploads(3, 500, CONTENTS)) == list(uploads(3, 500, CONTENTS))
    assert list(uploads(3, 500, CONTENTS)) != list(uploads(4, 500, CONTENTS))
    plan = schedule(3, faults=45, kills=21, pause_seconds=8, nodes=3)
    assert plan == schedule(3, faults=45, kills=21, pause_seconds=8, nodes=3)
    assert plan != schedule(4, faults=45, kills=21, pause_seconds=8, nodes=3)


def test_kills_are_spread_evenly_and_every_other_fault_happens_at_least_once() -> None:
    plan = schedule(1, faults=45, kills=21, pause_seconds=8, nodes=3)
    counts = Counter(each.fault for each in plan)
    assert [counts[kill] for kill in ("kill bridge", "kill classify", "kill sink")] == [7, 7, 7]
    assert counts.keys() >= KINDS.keys()
    assert len(plan) == 45 + sum(kind.always for kind in KINDS.values())
    assert [each.at_seconds for each in plan] == sorted(each.at_seconds for each in plan)


def test_most_kills_strike_while_what_the_process_needs_is_broken() -> None:
    plan = schedule(1, faults=45, kills=21, pause_seconds=8, nodes=3)
    broken = [each for each in plan if each.lasts_seconds > 0]

    def is_busy(kill: Planned) -> bool:
        needed = NEEDS[kill.fault]
        return any(
            each.fault.startswith(needed) and 0 < kill.at_seconds - each.at_seconds <= each.lasts_seconds
            for each in broken
        )

    kills = [each for each in plan if each.fault in NEEDS]
    for fault in NEEDS:
        assert sum(is_busy(kill) for kill in kills if kill.fault == fault) >= 3


def test_short_runs_have_every_kind_of_fault_between_them_and_two_of_them_some_of_each_part() -> None:
    assert sorted(kind for run in SHORT_RUNS for kind in run) == sorted(KINDS)
    for run in SHORT_RUNS[:2]:
        assert {kind.split()[0] for kind in run} >= {"store", "queue", "kafka", "postgres"}
    for run in SHORT_RUNS:
        count = sum(not KINDS[kind].always for kind in run)
        plan = schedule(1, faults=count + 3, kills=3, pause_seconds=1, nodes=3, of=run)
        assert {each.fault for each in plan} == {*run, *KILLS}


def test_objects_and_messages_that_are_in_others_way_are_in_every_run_and_strike_while_nothing_else_is_broken() -> None:
    for seed in range(20):
        plan = schedule(seed, faults=3, kills=3, pause_seconds=8)
        counts = Counter(each.fault for each in plan)
        assert all(counts[kind] == KINDS[kind].always for kind in POISON)
        for strike in plan:
            if KINDS.get(strike.fault) and KINDS[strike.fault].in_calm:
                begins = [each.at_seconds - strike.at_seconds for each in plan if each is not strike]
                near = [begin for begin in begins if -CALM_BEFORE_SECONDS + 1 < begin < CALM_AFTER_SECONDS]
                assert not near


def test_what_stops_everybody_is_told_from_what_concerns_single_objects() -> None:
    shared = {fault for fault in (*KINDS, *KILLS) if is_shared(fault)}
    assert {fault.split()[0] for fault in shared} == {"store", "kafka", "a", "kill", "retention"}
    assert {"kill classify", "a classifier is frozen", "a second classifier joins and leaves"} <= shared
    assert not shared & {"kill sink", "kill bridge", "a sink is frozen", "a folder is deleted before it is read"}


def test_a_single_broker_has_no_leader_to_lose() -> None:
    plan = schedule(1, faults=60, kills=3, pause_seconds=8, nodes=1)
    assert {each.fault for each in plan} >= KINDS.keys() - {"kafka loses a leader"}
    assert "kafka loses a leader" not in {each.fault for each in plan}


def test_one_stop_of_the_database_can_last_a_minute_and_a_process_can_be_frozen_for_longer_than_its_session() -> None:
    plan = at_length(schedule(1, faults=90, kills=21, pause_seconds=8, nodes=3))
    lasting = [each.lasts_seconds for each in plan if each.fault == "postgres stops"]
    assert lasting[0] == LONG_OUTAGE_SECONDS
    assert all(seconds < LONG_OUTAGE_SECONDS for seconds in lasting[1:])
    for fault in ("a classifier is frozen", "a sink is frozen"):
        assert LONG_FREEZE_SECONDS in [each.lasts_seconds for each in plan if each.fault == fault]


def test_objects_come_under_awkward_keys_again_with_other_content_and_some_without_a_user() -> None:
    drawn = list(uploads(1, 1000, CONTENTS))
    keys = [upload.key for upload in drawn]
    assert len(set(keys)) == 1000
    assert 1150 < len(drawn) < 1250
    assert {upload.outcome for upload in drawn} == {outcome for _, outcome in CONTENTS} | {"no_user"}
    assert all((upload.outcome == "no_user") == (upload.key.count("/") == 1) for upload in drawn)
    assert any("//" in key for key in keys)
    assert any("../" in key for key in keys)
    assert 200 < sum(key.startswith(UNVERSIONED_FOLDER) for key in set(keys)) < 300


async def test_a_clock_that_stands_still_goes_on_where_it_stopped() -> None:
    clock = Clock()
    clock.stop()
    stopped = clock.now()
    assert clock.now() == stopped
    clock.go()
    assert 0 <= clock.now() - stopped < 1
    await clock.reach(0)
    clock.reach_in_thread(0)
