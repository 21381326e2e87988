from pathlib import Path
from typing import Any

import faust
import pytest

from streams.consumer import faust_app
from streams.consumer.fetch_pace import FetchPace
from streams.runtime.settings import KafkaSettings, load

PACE = FetchPace(min_bytes=4096, max_wait_ms=77)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    return load(KafkaSettings)


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


async def test_the_pace_reaches_the_client(settings: KafkaSettings, tmp_path: Path) -> None:
    assert await fetching(faust_app.build("group", settings, tmp_path, PACE)) == (4096, 77)


async def test_who_sets_no_pace_gets_each_message_at_once(settings: KafkaSettings, tmp_path: Path) -> None:
    assert (await fetching(faust_app.build("group", settings, tmp_path)))[0] == 1


async def test_one_apps_pace_is_not_anothers(settings: KafkaSettings, tmp_path: Path) -> None:
    app = faust_app.build("group", settings, tmp_path)
    faust_app.build("other", settings, tmp_path, PACE)
    assert (await fetching(app))[0] == 1
