"""A transaction that somebody left open holds a row: its object waits for it, nobody else does."""

import asyncio
import time
from pathlib import Path

import psycopg

from streams.contracts import encode
from streams.contracts.identity import pad_sequencer
from tests.sinking import Sinking, classified, impatient, key_of
from tests.world import World


async def test_a_locked_row_holds_up_no_other_one_and_is_stored_once_it_is_free(world: World, tmp_path: Path) -> None:
    sinking = Sinking(world, impatient(tmp_path))
    await sinking.begin(3)
    newer = classified(world.bucket, key_of(0), sequencer=pad_sequencer("2"), classification="dog")
    with psycopg.connect(world.dsn) as connection:
        connection.execute("UPDATE classification_records SET user_name = user_name WHERE source_key = %s", [key_of(0)])
        await world.publish(encode(newer), topic="image-classifications")
        await sinking.publish(3)
        await asyncio.to_thread(sinking.wait_stored)
        await asyncio.to_thread(sinking.wait_degraded, "rows are locked by another transaction")
        began = time.monotonic()
        await sinking.publish(3)  # the lock is known by now, and not waited for again
        await asyncio.to_thread(sinking.wait_stored)
        assert time.monotonic() - began < 10
        assert world.rows("SELECT count(*) AS dogs FROM classification_records WHERE classification = 'dog'") == [
            {"dogs": 0}
        ]
    world.eventually(
        lambda: (
            world.rows("SELECT source_key FROM classification_records WHERE classification = 'dog'")
            == [{"source_key": key_of(0)}]
        )
    )
    await sinking.assert_account()
