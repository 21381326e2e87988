import pytest

from persistence.records import ClassificationRecord, RejectionRecord
from persistence.seed import BUCKET, seeds


def test_the_same_number_gives_the_same_rows_and_another_one_others() -> None:
    assert list(seeds(200, 1, 5)) == list(seeds(200, 1, 5))
    assert not {record.id for record in seeds(200, 1, 5)} & {record.id for record in seeds(200, 2, 5)}


def test_more_rows_are_the_same_rows_and_more() -> None:
    assert list(seeds(300, 1, 5))[:200] == list(seeds(200, 1, 5))


def test_seeds_are_of_both_kinds_of_all_users_and_each_object_once() -> None:
    made = list(seeds(1000, 1, 5))
    assert {record.user_name for record in made} == {f"user-{n:04}" for n in range(1, 6)}
    assert len({record.id for record in made}) == 1000
    assert 50 < sum(isinstance(record, RejectionRecord) for record in made) < 200
    assert {record.classification for record in made if isinstance(record, ClassificationRecord)} == {"cat", "dog"}
    assert {record.source_bucket for record in made} == {BUCKET}


@pytest.mark.parametrize(("rows", "users"), [(-1, 1), (1, 0)])
def test_impossible_numbers_are_refused(rows: int, users: int) -> None:
    with pytest.raises(ValueError, match="at least one user"):
        list(seeds(rows, 1, users))
