"""How long the roles and commands wait for a store or a queue whose address is wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from streams.app import bridge, bucket_parts
from streams.app.bucket_parts import Unreachable, Work
from streams.backfill.listing import Place
from streams.check import aws
from streams.runtime.settings import BridgeSettings

Call = Callable[[], Awaitable[object]]


def answered(work: Work, call: Call) -> Awaitable[None]:
    return bucket_parts._answered(call, "object_store", work, "S3_ENDPOINT_URL", failing_seconds=0.01)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_store_that_fails_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_parts, "OPENING_SECONDS", 3600.0)
    work = Work(Place.from_text("s3://pets/"))
    work.outages.begin("object_store", "http://nowhere:9 does not answer")
    with pytest.raises(
        Unreachable, match=r"The object store does not answer \(http://nowhere:9 .*look at S3_ENDPOINT_URL"
    ):
        await answered(work, for_ever)


async def test_a_slow_store_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_parts, "OPENING_SECONDS", 3600.0)
    slow = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, slow.set)
    await answered(Work(Place.from_text("s3://pets/")), slow.wait)


async def test_a_service_waits_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_parts, "OPENING_SECONDS", 0.0)
    later = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, later.set)
    await answered(Work(Place.from_text("s3://pets/"), attended=False), later.wait)


def test_a_wrong_queue_is_reported_within_5_s_and_a_long_poll_has_its_time() -> None:
    settings = BridgeSettings.model_validate({"kafka_bootstrap_servers": "a:1", "sqs_queue_url": "q"})
    options = bridge.client_options(settings)
    assert options["connect_timeout"] * options["retries"]["total_max_attempts"] < 5
    assert options["read_timeout"] > settings.sqs_wait_seconds


def test_the_check_asks_once_and_waits_less_than_5_s() -> None:
    config: Any = aws._QUICKLY  # botocore sets its attributes at run time
    assert config.retries["total_max_attempts"] == 1  # a client adds its mode
    assert config.connect_timeout + config.read_timeout <= 5
