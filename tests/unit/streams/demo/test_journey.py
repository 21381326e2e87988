from dataclasses import replace
from uuid import uuid4

import pytest

from streams.demo.journey import (
    Journey,
    Totals,
    accuracy_lines,
    latency_lines,
    outcomes_line,
    percentile,
    pictures_per_second,
    waiting_line,
)


def journey(
    outcome: str | None, expected: str | None = None, result: float | None = 1, stored: float | None = 2
) -> Journey:
    return Journey(uuid4(), "k", expected, 0.0, outcome, None, result, stored)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, 0), ([7], 0.95, 7), ([1, 2, 3, 4], 0.5, 2), (range(1, 101), 0.95, 95), (range(1, 101), 1.0, 100)],
)
def test_percentiles_are_by_nearest_rank(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


def test_a_picture_has_arrived_once_it_has_both_its_event_and_its_row() -> None:
    assert journey("cat").arrived
    assert not journey("cat", stored=None).arrived
    assert not journey("cat", result=None).arrived


def test_accuracy_distinguishes_species_pets_and_others() -> None:
    journeys = [
        journey("cat", "cat"),
        journey("dog", "cat"),
        journey("not_a_pet", "dog"),
        journey("not_a_pet", "not_a_pet"),
        journey("cat", "not_a_pet"),
    ]
    text = "\n".join(accuracy_lines(journeys))
    assert "40.0% (2/5) as labelled" in text
    assert "pets accepted 66.7% (2/3)" in text
    assert "cat/dog right 50.0% (1/2)" in text
    assert "others accepted 50.0% (1/2)" in text
    assert text.count("labelled ") >= 3


def test_without_labels_there_is_no_accuracy() -> None:
    assert accuracy_lines([journey("cat")]) == []


def test_throughput_is_from_the_first_upload_to_the_last_row() -> None:
    assert pictures_per_second([journey("cat", stored=2), journey("dog", stored=4)]) == pytest.approx(0.5)
    assert pictures_per_second([]) == 0


def test_the_account_shows_what_waits_and_holds_only_if_every_object_is_in_it() -> None:
    assert Totals(19, 10, 9, 0).line == "objects 19 = classified 10 + rejected 9  nothing lost"
    assert Totals(19, 10, 7, 2).line == "objects 19 = classified 10 + rejected 7 + waiting 2  nothing lost"
    lost = Totals(19, 10, 7, 1)
    assert not lost.holds
    assert lost.line.endswith("+ waiting 1  THE ACCOUNT DOES NOT HOLD")


def test_latencies_and_outcomes_are_reported() -> None:
    lines = latency_lines([journey("cat")])
    assert "1.000 s" in lines[0]
    assert "2.000 s" in lines[1]
    assert outcomes_line([journey("cat"), journey("cat"), journey("missing")]).endswith("cat 2, missing 1")


def test_a_demo_that_waits_says_for_what_and_since_when() -> None:
    arrived, parked, undecided = journey("cat"), journey(None, result=None), journey(None, result=None, stored=None)
    unstored = journey("dog", stored=None)
    sending = replace(undecided, is_in_store=False)
    reasons = {parked.id: "missing", arrived.id: "failed"}
    assert waiting_line([arrived, parked, undecided, unstored, sending], reasons, 3, 0.0) == (
        "1 parked for another attempt (missing); 1 without a result; 1 without a row; "
        "1 not confirmed by the object store; 3 not uploaded yet. "
        "Nothing arrived since 1970-01-01T00:00:00Z"
    )
    assert waiting_line([parked], None, 0, 3600.0) == (
        "1 without a result, parked or not. Nothing arrived since 1970-01-01T01:00:00Z"
    )
