import pytest

from persistence.errors import MassRefusal, PermanentPersistenceError
from persistence.refusals import RefusalLimits, RefusalRun

LIMITS = RefusalLimits(share=0.2, smallest_batch=20, same_cause=5)


def refusals(count: int, constraint: str = "check") -> list[PermanentPersistenceError]:
    return [PermanentPersistenceError("no", sqlstate="23514", constraint=constraint) for _ in range(count)]


def test_the_stated_share_is_allowed_and_one_more_is_not() -> None:
    run = RefusalRun(LIMITS)
    run.check(100, refusals(20))
    with pytest.raises(MassRefusal) as error:
        run.check(100, refusals(21))
    assert (error.value.refused, error.value.rows, error.value.constraint) == (21, 100, "check")


def test_the_share_says_nothing_about_small_batches() -> None:
    RefusalRun(LIMITS).check(19, refusals(18))


def test_a_small_batch_that_is_refused_as_a_whole_for_one_cause_is_too_much() -> None:
    with pytest.raises(MassRefusal, match="last 5 rows"):
        RefusalRun(LIMITS).check(5, refusals(5))


def test_a_few_refusals_for_different_causes_are_the_rows_fault() -> None:
    RefusalRun(LIMITS).check(6, [*refusals(3, "a"), *refusals(3, "b")])


def test_single_rows_add_up_until_one_is_stored() -> None:
    run = RefusalRun(LIMITS)
    for _ in range(2):
        for _ in range(4):
            run.check(1, refusals(1))
            run.settle(stored=0, errors=refusals(1))
        run.settle(stored=1, errors=[])
    for _ in range(4):
        run.check(1, refusals(1))
        run.settle(stored=0, errors=refusals(1))
    with pytest.raises(MassRefusal):
        run.check(1, refusals(1))


def test_single_rows_with_another_cause_each_do_not_add_up() -> None:
    run = RefusalRun(LIMITS)
    for n in range(20):
        run.check(1, refusals(1, f"c{n}"))
        run.settle(stored=0, errors=refusals(1, f"c{n}"))
