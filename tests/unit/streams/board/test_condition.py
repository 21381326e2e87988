"""What the page says about how it is."""

from datetime import timedelta

from streams.board.condition import Condition
from streams.board.pictures import milliseconds
from streams.contracts import PipelineStatus
from tests.board_events import NOON


def status(state: str, *, minutes: float = 0, since: float = -60) -> PipelineStatus:
    at = NOON + timedelta(minutes=minutes)
    return PipelineStatus(
        component="storage",
        state="degraded" if state == "degraded" else "ok",
        since=NOON + timedelta(minutes=since),
        at=at,
        warning=None,
    )


def test_a_sink_that_cannot_store_is_reported_with_since_and_with_what_waits() -> None:
    condition = Condition(waiting_results=214)
    condition.update_status(status("degraded", since=-7))
    view = condition.view(NOON, unstored=3)
    assert (view.storing, view.waiting_results) == ("stopped", 214)
    assert view.since == milliseconds(NOON - timedelta(minutes=7))


def test_where_the_lag_may_not_be_read_what_was_seen_and_not_stored_is_counted() -> None:
    condition = Condition(waiting_results=None)
    condition.update_status(status("degraded"))
    assert condition.view(NOON, unstored=3).waiting_results == 3


def test_it_goes_by_itself_once_the_sink_is_well() -> None:
    condition = Condition()
    condition.update_status(status("degraded"))
    condition.update_status(status("ok", minutes=1))
    assert condition.view(NOON + timedelta(minutes=1), unstored=0).storing == "ok"


def test_an_older_word_of_the_sink_does_not_overrule_a_newer_one() -> None:
    condition = Condition()
    condition.update_status(status("ok", minutes=1))
    condition.update_status(status("degraded", minutes=0))
    assert condition.view(NOON + timedelta(minutes=1), unstored=0).storing == "ok"


def test_a_silent_sink_is_reported_only_while_results_wait() -> None:
    condition = Condition(waiting_results=5)
    condition.update_status(status("ok"))
    later = NOON + timedelta(minutes=5)
    assert condition.view(NOON + timedelta(seconds=90), unstored=0).storing == "ok"
    assert condition.view(later, unstored=0).storing == "silent"
    condition.waiting_results = 0
    assert condition.view(later, unstored=0).storing == "ok"


def test_a_sink_that_never_spoke_is_unknown_until_results_wait() -> None:
    condition = Condition(waiting_results=0)
    assert condition.view(NOON, unstored=0).storing == "unknown"
    condition.waiting_results = 2
    assert condition.view(NOON, unstored=0).storing == "silent"
