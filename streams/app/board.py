"""Wires ``petstream board``: consumer, reader, store, page. The page is served before any dependency answers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from persistence.pool import Pool, open_pool
from streams.app.board_decoders import BoardDecoder
from streams.app.service import service
from streams.board.consumer_lag import ConsumerLag
from streams.board.feed import Feed
from streams.board.guard import LOCAL_NAMES, Guard
from streams.board.history_reader import HistoryReader
from streams.board.objects import PictureStore
from streams.board.queries import Queries
from streams.board.queue_length import QueueLength
from streams.board.rendition_cache import RenditionCache
from streams.board.renditions import Renditions
from streams.board.routes import About, Parts, application
from streams.board.state import Board
from streams.board.store_presence import StorePresence
from streams.board.table_poller import TablePoller
from streams.board.topic_reader import TopicReader
from streams.board.uploads import Uploads
from streams.board.web_server import listen, serve, url_of
from streams.runtime.database_config import reader_config
from streams.runtime.settings import BoardSettings, DatabaseSettings

CONNECTIONS_MAX: Final = 4
"""Database connections: two for the followers, two for requests."""

THUMBNAIL_PIXELS: Final = 320
"""The long side. A card is at most 216 wide and shown at twice that on fine screens."""
ENLARGED_PIXELS: Final = 1600
MEBIBYTE: Final = 1024 * 1024

log = structlog.get_logger()


async def run(
    settings: BoardSettings, database: DatabaseSettings | None, on_serving: Callable[[str], None] = lambda _url: None
) -> None:
    """
    Serve the page until a signal arrives; ``on_serving`` gets its URL.

    Raises:
        OSError: if it cannot listen on the address.
    """
    listening = listen(settings.board_host, settings.board_port)
    async with (
        AsyncExitStack() as parts,
        service(settings, "board") as process,
    ):
        parts.callback(listening.close)
        pool: Pool | None = None
        if database is not None:
            pool = await parts.enter_async_context(
                await open_pool(reader_config(database), read_only=True, max_connections=CONNECTIONS_MAX)
            )
        board = Board(settings.board_recent_max)
        feed = Feed(board, settings.board_viewers_max)
        app = Guard(application(await _parts(settings, board, feed, pool, parts)), _hosts(settings))
        history_reader = HistoryReader(settings, board.history)
        followers = [
            TopicReader(settings, board, history_reader, process.outages).follow(),
            history_reader.follow(),
            ConsumerLag(settings, board, process.outages, lambda: feed.is_watched).follow(),
        ]
        if settings.s3_bucket:
            followers.append(StorePresence(settings, settings.s3_bucket, board, lambda: feed.is_watched).follow())
        else:
            board.found(datetime.now(UTC), store="none")
        if settings.sqs_queue_url:
            followers.append(QueueLength(settings, settings.sqs_queue_url, board, lambda: feed.is_watched).follow())
        else:
            board.found(datetime.now(UTC), queue="none")
        if pool is not None:
            followers.append(TablePoller(pool, board, process.outages, lambda: feed.is_watched).follow())
        else:
            board.found(datetime.now(UTC), database="none")
        following = asyncio.gather(*followers)
        following.add_done_callback(lambda _: process.stop.set())  # they never end: an end is a bug, raised below
        url = url_of(listening)
        log.info("board.serving", url=url)
        if not settings.is_on_loopback:
            log.warning(
                "board.open", host=settings.board_host, remedy="no sign-in: let only those reach it who may see"
            )
        on_serving(url)
        process.health.become_ready()
        closing = asyncio.create_task(_close(feed, process.stop))
        try:
            await serve(app, listening, process.stop)
        finally:
            closing.cancel()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


async def _close(feed: Feed, stop: asyncio.Event) -> None:
    await stop.wait()
    feed.close()


async def _parts(
    settings: BoardSettings, board: Board, feed: Feed, pool: "Pool | None", resources: AsyncExitStack
) -> Parts:
    store = PictureStore(settings, max_bytes=settings.board_picture_max_bytes)
    uploads = thumbnails = enlarged = None
    if settings.board_uploads:
        assert settings.s3_bucket is not None, "the settings are complete"
        uploads = Uploads(store, settings.s3_bucket, board, max_bytes=settings.board_upload_max_bytes)
    if settings.board_pictures:
        max_bytes = settings.board_picture_max_bytes
        small = await resources.enter_async_context(BoardDecoder(THUMBNAIL_PIXELS, 2, max_bytes))
        thumbnails = Renditions(store, small, RenditionCache(32 * MEBIBYTE), at_once=6, waiting_max=120)
        large = await resources.enter_async_context(BoardDecoder(ENLARGED_PIXELS, 1, max_bytes))
        enlarged = Renditions(store, large, RenditionCache(16 * MEBIBYTE), at_once=2, waiting_max=20)
    return Parts(
        feed=feed,
        queries=Queries(pool, board),
        history=board.history,
        about=About(
            database=pool is not None,
            pictures=settings.board_pictures,
            uploads=settings.board_uploads,
            upload_max_bytes=settings.board_upload_max_bytes,
        ),
        thumbnails=thumbnails,
        enlarged=enlarged,
        uploads=uploads,
    )


def _hosts(settings: BoardSettings) -> set[str]:
    return {*LOCAL_NAMES, settings.board_host, *settings.allowed_hosts}
