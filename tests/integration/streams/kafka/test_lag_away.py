import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.consumer import faust_app
from streams.runtime.settings import KafkaSettings, load


async def test_looking_goes_on_while_no_broker_answers() -> None:
    looks: list[Mapping[TopicPartition, int] | None] = []
    settings = load(KafkaSettings, kafka_bootstrap_servers="127.0.0.1:9")
    app: Any = SimpleNamespace(consumer=None)
    watched = faust_app.lag(app, settings, looks.append)
    looking = asyncio.create_task(watched.watch(every_seconds=0.01))
    async with asyncio.timeout(60):
        while len(looks) < 3:
            await asyncio.sleep(0.01)
    assert set(looks) == {None}
    assert not looking.done()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
