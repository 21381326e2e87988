"""The page says so when store, queue, Kafka or database is frozen or killed; it prints after how many seconds."""

from collections.abc import Callable, Iterator

import pytest
from playwright.async_api import Browser, expect

from deploy.local.stack import Stack
from tests.board_page import PATIENCE_MS, BoardPage, opened, print_seconds
from tests.freezing import freeze, freeze_group
from tests.integration.board.conftest import start_board
from tests.world import World, create, migrate_database

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


@pytest.fixture(scope="module")
def own_world(quick_model: object) -> Iterator[World]:
    """On parts of its own: a store that is killed forgets the queues of all."""
    with Stack() as stack:
        stack.postgres.create_database("migrated")
        migrate_database(stack, "migrated")
        world = create(stack, "own", quick_model, template="migrated")  # type: ignore[arg-type]
        world.start("bridge", "classify", "sink")
        yield world
        world.stop()


async def test_each_dependency_that_is_frozen_or_killed_is_named(own_world: World, chromium: Browser) -> None:
    stack = own_world.stack
    title = "#live-title"

    async def named(page: BoardPage, what: str, name: str, break_it: Callable[[], object], says: str) -> None:
        await expect(page.page.locator(title)).to_have_text("All is well", timeout=PATIENCE_MS)
        mend = break_it()
        print_seconds(what, {name: await page.seconds_until(name, "away")})
        await expect(page.page.locator(title)).to_contain_text(says, timeout=PATIENCE_MS)
        if callable(mend):
            mend()

    async with opened(chromium, start_board(own_world)) as page:
        store, kafka = stack.objects.processes[0], stack.kafka.processes[0]
        await named(page, "frozen", "object store", lambda: freeze_group(store), "object store")
        await named(page, "frozen", "database", lambda: freeze(stack.postgres), "database does not answer")  # type: ignore[arg-type]
        await named(page, "frozen", "Kafka", lambda: freeze_group(kafka), "Kafka does not answer")
        await named(page, "killed", "database", stack.postgres.processes[0].kill, "database does not answer")
        stack.postgres.start()
        await named(page, "killed", "object store", store.kill, "The object store and the queue do not answer")
        stack.kafka.processes[0].kill()
        print_seconds("killed", {"Kafka": await page.seconds_until("Kafka", "away")})
