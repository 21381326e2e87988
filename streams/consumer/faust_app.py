"""
Configures, starts and stops Faust, and measures its lag. Wrong defaults are corrected here; only its consumer and the
consumer's thread (faust_consumer.py) use its private attributes.

Never used: ``take``, ``concurrency > 1``, ``exactly_once``, its serializers, its supervisor, its web server. Each of
them was seen to lose data, to hang or to crash.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import faust
import mode
import structlog
from aiokafka import TopicPartition

from streams.consumer.acknowledgement import InOrderAcknowledgement
from streams.consumer.faust_consumer import FaustConsumer
from streams.consumer.fetch_pace import FetchPace
from streams.consumer.losses import Losses
from streams.kafka import record_batches
from streams.kafka.client_tasks import METADATA_MAX_AGE_MS
from streams.kafka.consumer import Consumer
from streams.kafka.lag import Lag, Share
from streams.kafka.security import client_options
from streams.kafka.stopping import started
from streams.runtime.settings import KafkaSettings

REVOKED_SETTLE_SECONDS: Final = 5
"""How long a rebalance waits for work in flight. The next owner repeats what is not done by then."""

OBSERVATION_END_SECONDS: Final = 5
"""How long a stop waits for ``observe`` to end."""

CLIENT_LOOK_SECONDS: Final = 1.0

NEVER_SECONDS: Final = 2_000_000.0
"""
23 days, close to the protocol's maximum in milliseconds. While a dependency is away nothing is polled, on purpose; by
default the consumer then leaves its group after 1000 s, and was seen never to rejoin. The interval is meant to detect a
stuck worker; here the watchdog does that (health.py).
"""

log = structlog.get_logger()

Body = Callable[[Any], Awaitable[None]]


class App(faust.App):
    """A Faust app that knows which messages Kafka deleted before it read them."""

    losses: Losses


def build(group: str, settings: KafkaSettings, data_directory: Path, fetch_pace: FetchPace | None = None) -> App:
    """
    A Faust app of a consumer group, not yet started.

    ``data_directory`` must be writable; nothing is kept in it. Without ``fetch_pace`` each message is fetched at once.
    """
    session = settings.kafka_session_timeout_seconds
    app = App(
        settings.kafka_topic_prefix + group,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers],
        broker_credentials=_credentials(settings),
        set_as_current=False,
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        datadir=str(data_directory),
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        broker_commit_interval=settings.kafka_commit_interval_seconds,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 4,
        broker_request_timeout=max(40.0, session + 5),
        broker_rebalance_timeout=30,
        broker_max_poll_interval=NEVER_SECONDS,
        broker_max_poll_records=256,
        stream_buffer_maxsize=256,
        stream_wait_empty=False,  # waits without limit; settle() below waits within a bound
        producer_request_timeout=30,
    )
    record_batches.install()
    app.losses = Losses()

    class OwnConsumer(FaustConsumer):
        losses = app.losses
        topic_prefix = settings.kafka_topic_prefix
        pace = fetch_pace

    app.transport.Consumer = OwnConsumer  # type: ignore[misc] # of this app's transport alone
    return app


def _credentials(settings: KafkaSettings) -> Any:
    """The options of an aiokafka client, as Faust's credentials."""
    options = client_options(settings)
    context = options["ssl_context"]
    if "sasl_oauth_token_provider" in options:
        return faust.OAuthCredentials(oauth_cb=options["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def agent(app: faust.App, settings: KafkaSettings, topics: list[str], body: Body) -> None:
    """Bind the one agent of an app to its topics, with raw bytes. Any exception of ``body`` stops the process."""
    channel = app.topic(
        *(settings.kafka_topic_prefix + topic for topic in topics),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )
    app.agent(channel, name=body.__name__, concurrency=1, supervisor_strategy=mode.CrashingSupervisor)(body)


def message_headers(message: Any) -> Sequence[tuple[str, bytes | None]]:
    """A message's headers in their order, with nulls. Depending on the driver, Faust gives a tuple, mapping or None."""
    headers = message.headers or ()
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def lag(app: faust.App, settings: KafkaSettings, on_look: Callable[[Mapping[TopicPartition, int] | None], None]) -> Lag:
    """
    The lag of an app.

    The ends come from a separate client: the app's own client runs in another thread, which may be stuck.
    """

    def assigned() -> frozenset[TopicPartition]:
        return frozenset(TopicPartition(*partition) for partition in app.consumer.assignment())

    async def committed(_assigned: frozenset[TopicPartition]) -> Mapping[TopicPartition, int | None]:
        return cast("FaustConsumer", app.consumer).committed_offsets()

    options = client_options(settings)
    prefix = settings.kafka_topic_prefix
    return Lag(Share(assigned, committed), prefix, lambda: started(Consumer(**options)), on_look)


async def run(
    app: faust.App,
    acknowledgement: InOrderAcknowledgement[Any],
    stop: asyncio.Event,
    *,
    shutdown_seconds: float,
    on_joined: Callable[[], None],
    observe: Callable[[], Awaitable[None]],
) -> None:
    """
    Run an app until ``stop`` is set, then settle what is in flight within the bound, commit and leave the group.

    ``observe`` watches the app while it runs, and is then cancelled.

    Raises:
        Exception: what crashed the app, if anything did, ClientEndedError included. Unfinished work is then delivered
            again.
    """

    async def settle(seconds: float) -> None:
        try:
            await asyncio.wait_for(acknowledgement.drained(), seconds)
        except TimeoutError:
            log.warning("settle.timed_out", pending=acknowledgement.pending, seconds=seconds)
        await app.consumer.commit()

    @app.on_before_shutdown.connect
    async def _down(*_: object, **__: object) -> None:
        await settle(shutdown_seconds)

    @app.on_partitions_revoked.connect
    async def _revoked(*_: object, **__: object) -> None:
        await settle(REVOKED_SETTLE_SECONDS)

    @app.on_partitions_assigned.connect
    async def _assigned(*arguments: Any, **__: Any) -> None:
        log.info("partitions.assigned", count=len(arguments[1]))
        on_joined()

    app.finalize()
    fetching = asyncio.create_task(_until_client_ends(app))
    await _start(app, fetching, shutdown_seconds)
    observing = asyncio.ensure_future(observe())
    observing.add_done_callback(_log_failure)
    ended = [asyncio.create_task(stop.wait()), asyncio.create_task(app.wait_until_stopped()), fetching]
    try:
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        crash = fetching.exception() if fetching.done() else app.crash_reason
        if crash is not None:
            acknowledgement.abandon()
    finally:
        for task in (*ended, observing):
            task.cancel()
        await asyncio.wait([observing], timeout=OBSERVATION_END_SECONDS)
        await app.stop()
    if crash is not None:
        raise crash


async def _start(app: faust.App, fetching: asyncio.Task[None], shutdown_seconds: float) -> None:
    """Start the app. Raises if the client ends meanwhile, since the app would wait for it for ever."""
    starting = asyncio.create_task(app.start())
    try:
        await asyncio.wait({starting, fetching}, return_when=asyncio.FIRST_COMPLETED)
        if fetching.done():
            await fetching
        await starting
    except BaseException:  # a stop while it joins, or a lost broker: the app's threads would go on
        fetching.cancel()
        starting.cancel()
        await asyncio.wait([asyncio.ensure_future(app.stop())], timeout=shutdown_seconds)
        raise


async def _until_client_ends(app: faust.App) -> None:
    """
    Check each second whether the client still fetches. Faust does not notice: the client returns no messages.

    Raises:
        ClientEndedError: the client has ended; the process ends and is restarted.
    """
    while True:
        await asyncio.sleep(CLIENT_LOOK_SECONDS)
        cast("FaustConsumer", app.consumer).raise_if_ended()


def _log_failure(observing: asyncio.Future[None]) -> None:
    """Log that ``observe`` failed; the app goes on without it."""
    if not observing.cancelled() and (error := observing.exception()) is not None:
        log.error("observation.failed", exc_info=error)
