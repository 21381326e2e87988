import pytest

from streams.runtime.outages import Outages
from streams.runtime.retries import until_available


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
