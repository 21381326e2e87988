"""``petstream rejections`` on real parts: what got no label is found, and after a fix ends where it belongs."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from persistence.pool import DatabaseConfig, open_pool
from persistence.records import RejectionRecord
from persistence.store import Store
from streams.cli import app
from streams.contracts.identity import NO_SEQUENCER, image_id
from streams.contracts.topics import IMAGE_UPLOADS_BULK
from tests.backfilling import count
from tests.world import World, metric

PETS = 12
EARLIER = datetime(2025, 1, 1, tzinfo=UTC)
UNLABELLED = "a\x1b[2J\n[red]b.png"


def petstream(world: World, *arguments: str, **environment: str) -> Result:
    env = {**world.stack.environment(), **world.env, **environment}
    return CliRunner().invoke(app, ["rejections", *arguments], env=env)


def listed(world: World, *arguments: str) -> list[str]:
    result = petstream(world, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["key"] for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def stored(module_world: World) -> World:
    """A world with rejections in its table, and nothing running: of ann, of nobody, and of hostile text."""

    def row(key: str, **changes: object) -> RejectionRecord:
        fields: dict[str, object] = {
            "id": image_id(module_world.bucket, key),
            "user_name": "ann",
            "image_url": f"s3://{module_world.bucket}/{key}",
            "reason": "forbidden",
            "detail": "403",
            "timestamp": EARLIER,
            "source_bucket": module_world.bucket,
            "source_key": key,
            "source_sequencer": NO_SEQUENCER,
            "upload_event": module_world.notification(key),
        }
        return RejectionRecord(**(fields | changes))  # type: ignore[arg-type]  # the caller's names are the fields'

    async def fill() -> None:
        async with await open_pool(config(module_world)) as pool:
            rows = [row(f"{n}.png") for n in range(3)]
            rows.append(row(UNLABELLED, user_name=None, detail="\x1b]0;title\x07\r\n", reason="no_user"))
            several = json.loads(module_world.notification("x.png"))
            several["Records"] += json.loads(module_world.notification("y.png"))["Records"]
            event = json.dumps(several).encode()
            rows += [row(key, reason="missing", upload_event=event) for key in ("x.png", "y.png")]
            await Store(pool).upsert([], rows)

    asyncio.run(fill())
    return module_world


def config(world: World) -> DatabaseConfig:
    server = world.stack.postgres
    return DatabaseConfig(
        server.host, server.port, world.env["DATABASE_NAME"], server.superuser, server.password, ssl=False
    )


def test_a_replay_after_the_fix_ends_as_rows_and_a_second_one_changes_nothing(
    world: World, chelsea: bytes, coffee: bytes
) -> None:
    cats = [f"nobody/{n}.png" for n in range(PETS)]
    for key, picture in [
        *((key, chelsea) for key in cats),
        ("nobody/cup.png", coffee),
        ("uploads/ann/cup.png", coffee),
    ]:
        world.put(key, picture)
    events = [world.notification(key, sequencer="A1") for key in (*cats, "nobody/cup.png", "uploads/ann/cup.png")]
    classifier, sink = world.start("classify", "sink")
    asyncio.run(world.publish(*events))
    assert world.wait_outcomes(*cats, "nobody/cup.png", "uploads/ann/cup.png") == {
        **dict.fromkeys((*cats, "nobody/cup.png"), "no_user"),
        "uploads/ann/cup.png": "not_a_pet",
    }
    classifier.process.stop(30)

    dry = petstream(world, "replay", "--reason", "no_user", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "would publish 13 messages onto image-uploads-bulk, for 13 rejections: no_user 13" in dry.stderr
    assert count(world, IMAGE_UPLOADS_BULK) == 0

    # The fix.
    world.start("classify", env={"S3_DEFAULT_USER": "zoe"})
    done = petstream(world, "replay", "--reason", "no_user", "--rate", "500")
    assert done.exit_code == 0, done.output
    assert "published 13 messages onto image-uploads-bulk, for 13 rejections: no_user 13" in done.stderr
    again = asyncio.run(world.events("image-uploads-bulk"))
    assert sorted(m.value for m in again) == sorted(events[:-1]), "byte for byte"
    assert {m.key for m in again} == {f"{world.bucket}/{key}".encode() for key in (*cats, "nobody/cup.png")}

    mended = {**dict.fromkeys(cats, "cat"), "nobody/cup.png": "not_a_pet", "uploads/ann/cup.png": "not_a_pet"}
    world.eventually(lambda: world.outcomes() == mended)
    assert world.rows("SELECT count(*) AS n FROM image_outcomes") == [{"n": PETS + 2}], "each object once"
    assert world.rows("SELECT count(*) AS n FROM image_rejections") == [{"n": PETS + 2}], "nothing is deleted"
    (row,) = world.rows("SELECT user_name, source_sequencer FROM classification_records WHERE source_key = %s", cats[0])
    assert row == {"user_name": "zoe", "source_sequencer": "A1".ljust(64, "0")}
    assert sorted(listed(world)) == ["nobody/cup.png", "uploads/ann/cup.png"]
    assert sorted(listed(world, "--all", "--reason", "no_user")) == sorted(cats)
    assert "0 messages" in petstream(world, "replay", "--reason", "no_user").stderr

    before = (
        world.rows("SELECT * FROM classification_records ORDER BY id"),
        world.rows("SELECT * FROM image_rejections ORDER BY id"),
    )
    stale = 'petstream_sink_rows_total{outcome="stale"}'
    seen = metric(sink, stale)
    assert petstream(world, "replay", "--all", "--yes").exit_code == 0
    world.eventually(lambda: metric(sink, stale) >= seen + PETS + 2)
    assert before == (
        world.rows("SELECT * FROM classification_records ORDER BY id"),
        world.rows("SELECT * FROM image_rejections ORDER BY id"),
    )


def test_cursors_lead_from_page_to_page_until_nothing_follows(stored: World) -> None:
    seen: list[str] = []
    more: list[str] = []
    for _ in range(10):
        result = petstream(stored, "list", "--json", "--limit", "2", *more)
        assert result.exit_code == 0, result.output
        seen += [json.loads(line)["key"] for line in result.stdout.splitlines()]
        cursor = re.search(r"(--after=\S+)", result.stderr)
        if cursor is None:
            break
        more = [cursor[1]]
    assert sorted(seen) == sorted(["0.png", "1.png", "2.png", UNLABELLED, "x.png", "y.png"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--reason", "missing"], ["x.png", "y.png"]),
        (["--reason", "missing", "--reason", "no_user"], [UNLABELLED, "x.png", "y.png"]),
        (["--user", "ann", "--prefix", "1"], ["1.png"]),
        (["--since", "2025-01-01", "--until", "2025-01-02", "--reason", "no_user"], [UNLABELLED]),
        (["--since", "2025-01-01T01:00+00:30"], []),
        (["--bucket", "another"], []),
    ],
    ids=str,
)
def test_filters_select(stored: World, arguments: list[str], expected: list[str]) -> None:
    assert sorted(listed(stored, *arguments)) == sorted(expected)


def test_what_an_uploader_chose_reaches_no_terminal_alive(stored: World) -> None:
    table = petstream(stored, "list", "--reason", "no_user", COLUMNS="200").stdout
    shown = petstream(stored, "show", f"s3://{stored.bucket}/{UNLABELLED}").stdout
    for text in (table, shown):
        assert "\x1b" not in text
        assert "\x07" not in text
    assert r"a\u001b[2J\u000a[red]b.png" in shown
    assert '"eventName": "ObjectCreated:Put"' in shown, "the event, indented"


def test_one_is_shown_by_id_too_and_as_json(stored: World) -> None:
    shown = petstream(stored, "show", str(image_id(stored.bucket, "1.png")), "--json")
    document = json.loads(shown.stdout)
    assert (document["key"], document["reason"], document["stands"]) == ("1.png", "forbidden", True)
    assert "upload_event" in document


def test_reading_goes_to_the_reader(stored: World) -> None:
    host = stored.stack.environment()["DATABASE_HOST"]
    result = petstream(stored, "list", DATABASE_HOST="writer.invalid", DATABASE_READER_HOST=host)
    assert result.exit_code == 0, result.output


def test_a_message_that_names_several_objects_is_published_once(stored: World) -> None:
    before = count(stored, IMAGE_UPLOADS_BULK)
    done = petstream(stored, "replay", f"s3://{stored.bucket}/x.png", f"s3://{stored.bucket}/y.png")
    assert "published 1 messages onto image-uploads-bulk, for 2 rejections" in done.stderr, done.output
    assert count(stored, IMAGE_UPLOADS_BULK) == before + 1


def test_a_limit_takes_the_newest(stored: World) -> None:
    before = count(stored, IMAGE_UPLOADS_BULK)
    done = petstream(stored, "replay", "--limit", "2")
    assert "for 2 rejections" in done.stderr, done.output
    assert count(stored, IMAGE_UPLOADS_BULK) > before


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["list", "--reason", "ugly"], {}, "the reasons are decoder_crashed, failed, forbidden,"),
        (["list", "--since", "yesterday"], {}, "A time is written like"),
        (["list", "--since", "2026-03-02", "--until", "2026-03-01"], {}, "range of time is empty"),
        (["list", "--after", "nonsense"], {}, "the cursor is not one that a page ended with"),
        (["list", "--limit", "0"], {}, "a page holds 1 to 10,000"),
        (["list", "--user", "a\0b"], {}, "invalid byte sequence"),
        (["list"], {"DATABASE_PORT": "1"}, "run: petstream check sink"),
        (["show", "s3://bucket"], {}, "named by its id or as s3://bucket/key"),
        (["show", "s3://bucket/unknown"], {}, "No rejection of this object is stored."),
        (["replay"], {}, "narrow it down, or add --yes"),
        (["replay", "--all"], {}, "narrow it down, or add --yes"),
        (["replay", "17"], {}, "named by its id or as s3://bucket/key"),
        (["replay", "s3://bucket/unknown"], {}, "Of the 1 objects named, 0 have such a rejection"),
        (["replay", "--yes"], {"KAFKA_TOPIC_PREFIX": "nobody."}, "petstream topics create"),
        (["replay", "--yes"], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "look at KAFKA_BOOTSTRAP_SERVERS"),
        (["replay", "--yes"], {"DATABASE_PORT": "1"}, "run: petstream check sink"),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_one_sentence_and_publishes_nothing(
    stored: World, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    before = count(stored, IMAGE_UPLOADS_BULK)
    result = petstream(stored, *arguments, **environment)
    failed = any(said in sentence for said in ("invalid byte", "petstream", "No rejection", "Of the 1", "look at"))
    assert result.exit_code == (1 if failed else 2), result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == 1
    assert count(stored, IMAGE_UPLOADS_BULK) == before


def test_a_dry_run_needs_no_broker(stored: World) -> None:
    done = petstream(stored, "replay", "--dry-run", KAFKA_BOOTSTRAP_SERVERS="")
    assert done.exit_code == 0, done.output
    assert (
        "would publish 5 messages onto image-uploads-bulk, for 6 rejections: forbidden 3, missing 2, no_user 1"
        in done.stderr
    )


def test_a_replay_that_is_interrupted_ends_with_a_sentence(stored: World) -> None:
    before = count(stored, IMAGE_UPLOADS_BULK)
    command = [sys.executable, "-m", "streams.cli", "rejections", "replay", "--yes", "--rate", "0.1"]
    running = subprocess.Popen(
        command, env={**os.environ, **stored.stack.environment(), **stored.env}, stderr=subprocess.PIPE, text=True
    )
    try:
        stored.eventually(lambda: count(stored, IMAGE_UPLOADS_BULK) > before)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said.startswith("Stopped. ")
    assert len(said.splitlines()) == 1
