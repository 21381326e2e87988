from datetime import UTC, datetime

import pytest

from streams.outages import Outages
from streams.retries import until_available
from streams.status import storage_status

MOMENT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


class AwayError(Exception):
    pass


class BugError(Exception):
    pass


@pytest.mark.usefixtures("impatient")
async def test_a_call_is_repeated_until_it_succeeds_and_its_outage_ends_then() -> None:
    outages = Outages()
    attempts: list[tuple[str, ...]] = []

    async def call() -> str:
        attempts.append(tuple(outage.component for outage in outages.current))
        if len(attempts) < 20:
            raise AwayError
        return "done"

    assert await until_available(call, on=AwayError, component="database", outages=outages) == "done"
    assert attempts[0] == ()
    assert attempts[1:] == [("database",)] * 19
    assert outages.current == ()


@pytest.mark.usefixtures("impatient")
async def test_what_the_policy_does_not_name_is_not_repeated() -> None:
    outages = Outages()

    async def call() -> None:
        raise BugError

    with pytest.raises(BugError):
        await until_available(call, on=AwayError, component="database", outages=outages)
    assert outages.current == ()


@pytest.mark.usefixtures("impatient")
async def test_another_answer_after_an_outage_ends_it() -> None:
    outages = Outages()
    answers: list[Exception] = [AwayError(), BugError()]

    async def call() -> None:
        raise answers.pop(0)

    with pytest.raises(BugError):
        await until_available(call, on=AwayError, component="object_store", outages=outages)
    assert outages.current == ()


def test_an_outage_keeps_its_beginning_and_says_the_last_error() -> None:
    now = 1000.0
    outages = Outages(clock=lambda: now)
    outages.begin("kafka", "first")
    now = 1060.0
    outages.begin("kafka", "second")
    (outage,) = outages.current
    assert (outage.since.timestamp(), outage.error) == (1000.0, "second")


def test_the_status_of_storage_says_since_when_nothing_is_stored() -> None:
    outages = Outages(clock=MOMENT.timestamp)
    assert storage_status(outages, healthy_since=MOMENT, now=MOMENT).state == "ok"
    outages.begin("database", "refused")
    status = storage_status(outages, healthy_since=MOMENT, now=MOMENT)
    assert (status.state, status.since) == ("degraded", MOMENT)
    assert status.warning is not None
    assert "20:00:00 UTC" in status.warning
    outages.end("database")
    outages.begin("kafka", "away")  # not a matter of storage
    assert storage_status(outages, healthy_since=MOMENT, now=MOMENT).state == "ok"
