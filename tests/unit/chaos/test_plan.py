"""A seed draws the same run each time; every fault has its place in it."""

from collections import Counter

from tests.chaos.faults import HALVES, KILLS, KINDS, LONG_OUTAGE_SECONDS, NEEDS, Planned, schedule, with_long_outage
from tests.chaos.plan import uploads

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
    assert len(plan) == 45
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


def test_two_halves_have_every_kind_of_fault_between_them_and_some_of_each_part() -> None:
    assert sorted([*HALVES[0], *HALVES[1]]) == sorted(KINDS)
    for half in HALVES:
        assert {kind.split()[0] for kind in half} >= {"store", "queue", "kafka", "postgres"}
        plan = schedule(1, faults=len(half) + 3, kills=3, pause_seconds=1, nodes=3, of=half)
        assert {each.fault for each in plan} == {*half, *KILLS}


def test_a_single_broker_has_no_leader_to_lose() -> None:
    plan = schedule(1, faults=60, kills=3, pause_seconds=8, nodes=1)
    assert {each.fault for each in plan} >= KINDS.keys() - {"kafka loses a leader"}
    assert "kafka loses a leader" not in {each.fault for each in plan}


def test_one_stop_of_the_database_can_last_a_minute() -> None:
    plan = with_long_outage(schedule(1, faults=90, kills=21, pause_seconds=8, nodes=3))
    lasting = [each.lasts_seconds for each in plan if each.fault == "postgres stops"]
    assert lasting[0] == LONG_OUTAGE_SECONDS
    assert all(seconds < LONG_OUTAGE_SECONDS for seconds in lasting[1:])


def test_objects_come_under_awkward_keys_again_with_other_content_and_some_without_a_user() -> None:
    drawn = list(uploads(1, 1000, CONTENTS))
    keys = [upload.key for upload in drawn]
    assert len(set(keys)) == 1000
    assert 1150 < len(drawn) < 1250
    assert {upload.outcome for upload in drawn} == {outcome for _, outcome in CONTENTS} | {"no_user"}
    assert all((upload.outcome == "no_user") == (upload.key.count("/") == 1) for upload in drawn)
    assert any("//" in key for key in keys)
    assert any("../" in key for key in keys)
