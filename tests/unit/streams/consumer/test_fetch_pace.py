from pathlib import Path
from typing import Any

import faust
import pytest

from streams.consumer import faust_app
from streams.consumer.fetch_pace import FetchPace, set_pace
from streams.runtime.settings import KafkaSettings, load


@pytest.fixture
async def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> faust.App:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return faust_app.build("group", load(KafkaSettings), tmp_path)


async def fetching(app: faust.App) -> tuple[int, int]:
    """What the app's own Kafka client, not yet connected, will ask the broker for."""
    app.finalize()
    consumer: Any = app._new_consumer()
    thread = consumer._thread
    try:
        client = thread._create_worker_consumer(app.transport)
        await client.stop()
        return client._fetch_min_bytes, client._fetch_max_wait_ms
    finally:
        thread.thread_loop.close()


async def test_the_pace_reaches_the_client(app: faust.App) -> None:
    set_pace(app, FetchPace(min_bytes=4096, max_wait_ms=77))
    assert await fetching(app) == (4096, 77)


async def test_who_sets_no_pace_gets_each_message_at_once(app: faust.App) -> None:
    assert (await fetching(app))[0] == 1


async def test_one_apps_pace_is_not_anothers(app: faust.App, tmp_path: Path) -> None:
    other = faust_app.build("other", load(KafkaSettings), tmp_path)
    set_pace(other, FetchPace(min_bytes=4096, max_wait_ms=77))
    assert (await fetching(app))[0] == 1
