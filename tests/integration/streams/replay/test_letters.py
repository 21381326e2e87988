"""``petstream storage-dead-letters`` on real parts: what PostgreSQL refused is found, and after a fix it is stored."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from streams.cli import app
from streams.contracts import encode
from streams.contracts.identity import pad_sequencer
from tests.sinking import Sinking, classified
from tests.world import World, metric

NO_LETTER = "1 messages of the topic are no dead letters\n"
CARLS = ("uploads/carl/1.jpg", "uploads/carl/2.jpg", "uploads/carl/3.jpg")


def petstream(world: World, *arguments: str, **environment: str) -> Result:
    env = {**world.stack.environment(), **world.env, **environment}
    return CliRunner().invoke(app, ["storage-dead-letters", *arguments], env=env)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def events(world: World, topic: str = "image-classifications") -> list[Any]:
    return asyncio.run(world.events(topic))


def publish(world: World, *results: Any) -> None:
    asyncio.run(world.publish(*(encode(result) for result in results), topic="image-classifications"))


def carl(world: World, key: str, **changes: object) -> Any:
    return classified(world.bucket, key, user_name="carl", **changes)


@pytest.fixture(scope="module")
def refused(module_world: World) -> World:
    """
    A world whose database takes nothing of carl and of hugo: three results of carl's and one of hugo's are dead
    letters, as is what is no result at all; and one message of their topic is no letter.
    """
    sinking = Sinking(module_world, {})
    for user in ("carl", "hugo"):
        refuse(module_world, user)
    sinking.start()
    store_something(module_world)
    publish(module_world, *(carl(module_world, key) for key in CARLS))
    module_world.eventually(lambda: len(letters(module_world)) == 3)
    store_something(module_world)
    asyncio.run(module_world.publish(encode(hostile(module_world)), b"\x1b no result", topic="image-classifications"))
    module_world.eventually(lambda: len(letters(module_world)) == 5)
    asyncio.run(module_world.publish(b"no letter", topic="storage-dead-letters"))
    return module_world


def store_something(world: World) -> None:
    """Five refusals in a row, and nothing stored between them, would be the database's fault."""
    stored = classified(world.bucket, f"uploads/ann/{uuid4()}.jpg")
    publish(world, stored)
    world.wait_outcomes(stored.key)


def hostile(world: World) -> Any:
    return classified(world.bucket, "uploads/carl/\x1b[2J\n[red]4.jpg", user_name="hugo")


def refuse(world: World, user: str) -> None:
    refusal = f"ADD CONSTRAINT no_{user} CHECK (user_name <> '{user}')"
    Sinking(world, {}).execute(f"ALTER TABLE classification_records {refusal}")


def mend(world: World, user: str) -> None:
    Sinking(world, {}).execute(f"ALTER TABLE classification_records DROP CONSTRAINT no_{user}")


def letters(world: World) -> list[Any]:
    return events(world, "storage-dead-letters")


def test_letters_are_listed_filtered_and_shown(refused: World) -> None:
    of_carls_folder = ("list", "--json", "--key", "uploads/carl/")
    every = petstream(refused, "list", "--json")
    assert every.stderr == NO_LETTER
    found = lines(petstream(refused, *of_carls_folder))
    assert len(found) == 4
    assert found[0].keys() >= {"position", "id", "failed_at", "sqlstate", "constraint", "detail", "topic", "image_url"}
    assert {each["sqlstate"] for each in lines(every)} == {"23514", None}
    assert len(lines(petstream(refused, *of_carls_folder, "--error", "23514"))) == 4
    assert len(lines(petstream(refused, *of_carls_folder, "--error", "no_carl"))) == 3
    assert len(lines(petstream(refused, "list", "--json", "--error", "JSON"))) == 1
    assert [each["image_url"] for each in lines(petstream(refused, "list", "--json", "--key", CARLS[1]))] == [
        f"s3://{refused.bucket}/{CARLS[1]}"
    ]
    now = datetime.now(UTC)
    assert len(lines(petstream(refused, *of_carls_folder, "--since", (now - timedelta(hours=1)).isoformat()))) == 4
    assert lines(petstream(refused, *of_carls_folder, "--since", (now + timedelta(hours=1)).isoformat())) == []
    between = found[2]["failed_at"]
    expected = [each["id"] for each in found if each["failed_at"] >= between]
    assert [each["id"] for each in lines(petstream(refused, *of_carls_folder, "--since", between))] == expected

    seen: list[str] = []
    more: list[str] = []
    while True:
        page = petstream(refused, *of_carls_folder, "--limit", "2", *more)
        seen += [each["position"] for each in lines(page)]
        if "next page" not in page.stderr:
            break
        more = [page.stderr.split("next page: ")[1].split()[0]]
    assert seen == [each["position"] for each in found]

    table = petstream(refused, "list", COLUMNS="200").stdout
    shown = petstream(refused, "show", f"s3://{refused.bucket}/{hostile(refused).key}").stdout
    assert r"\u001b[2J\u000a[red]4.jpg" in shown
    assert "\x1b" not in table + shown
    (garbage,) = (each["position"] for each in lines(every) if each["sqlstate"] is None)
    assert lines(petstream(refused, "show", garbage, "--json"))[0]["event"] == "GyBubyByZXN1bHQ="
    assert "left out 1: no row can hold them" in petstream(refused, "replay", "--dry-run").stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["list", "--since", "yesterday"], {}, "A time is written like"),
        (["list", "--after", "nonsense"], {}, "A position is written as the list gives it"),
        (["list"], {"KAFKA_TOPIC_PREFIX": "nobody."}, "petstream topics create"),
        (["list"], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "look at KAFKA_BOOTSTRAP_SERVERS"),
        (["show", "0:17"], {}, "There is no such letter."),
        (["show", "s3://bucket/unknown"], {}, "There is no such letter."),
        (["show", "s3://bucket"], {}, "named by its id or as s3://bucket/key"),
        (["replay"], {}, "narrow it down, or add --yes"),
        (["replay", "--yes"], {"KAFKA_TOPIC_PREFIX": "nobody."}, "petstream topics create"),
    ],
    ids=str,
)
def test_a_mistake_is_told_in_one_sentence(
    module_world: World, arguments: list[str], environment: dict[str, str], sentence: str
) -> None:
    result = petstream(module_world, *arguments, **environment)
    misused = any(said in sentence for said in ("written", "named by its id", "narrow it down"))
    assert result.exit_code == (2 if misused else 1), result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.splitlines()) == 1


def test_a_database_that_is_away_is_told_in_one_sentence_before_anything_is_published(refused: World) -> None:
    before = len(events(refused))
    result = petstream(refused, "replay", "--yes", DATABASE_PORT="1")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert len(events(refused)) == before


def test_what_is_refused_again_is_one_result_in_the_next_replay(refused: World) -> None:
    refuse(refused, "dora")
    keys = [f"uploads/dora/{number}.jpg" for number in range(3)]

    def doras() -> int:
        return len(lines(petstream(refused, "list", "--json", "--key", "uploads/dora/")))

    store_something(refused)
    publish(refused, *(classified(refused.bucket, key, user_name="dora") for key in keys))
    refused.eventually(lambda: doras() == 3)
    store_something(refused)
    again = petstream(refused, "replay", "--error", "no_dora", "--limit", "2")
    assert "published 2 results" in again.stderr
    refused.eventually(lambda: doras() == 5)
    done = petstream(refused, "replay", "--error", "no_dora", "--dry-run")
    assert done.stderr == f"{NO_LETTER}would publish 3 results\nleft out 2: the same result is in another letter\n"


def test_what_was_refused_is_stored_after_the_fix_and_a_second_replay_changes_nothing(refused: World) -> None:
    originals = [event.value for event in events(refused)]
    replay = ("replay", "--error", "no_carl")
    dry = petstream(refused, *replay, "--dry-run")
    assert (dry.exit_code, dry.stderr) == (0, f"{NO_LETTER}would publish 3 results\n")
    assert len(events(refused)) == len(originals)

    mend(refused, "carl")
    # One object has a newer outcome by the time of the replay.
    publish(refused, carl(refused, CARLS[2], sequencer=pad_sequencer("9"), classification="dog"))
    refused.wait_outcomes(CARLS[2])
    done = petstream(refused, *replay)
    assert (done.exit_code, done.stderr) == (
        0,
        f"{NO_LETTER}published 2 results\nleft out 1: their object has a newer outcome by now, or this one\n",
    )
    stored = refused.wait_outcomes(*CARLS)
    assert [stored[key] for key in CARLS] == ["cat", "cat", "dog"]
    replayed = [event for event in events(refused) if event.key and b"/uploads/carl/" in event.key]
    assert {event.value for event in replayed} == {encode(carl(refused, key)) for key in CARLS[:2]} < set(originals)
    assert {event.key for event in replayed} == {f"{refused.bucket}/{key}".encode() for key in CARLS[:2]}
    assert {dict(event.headers)["ce_type"] for event in replayed} == {b"petstream.image.classified.v1"}

    done = petstream(refused, *replay)
    assert "published 0 results\nleft out 3: their object" in done.stderr
    # Without a database to ask, they go out again, and nothing comes of it.
    rows = refused.rows("SELECT * FROM classification_records ORDER BY id")
    sink, stale = refused.workers[0], 'petstream_sink_rows_total{outcome="stale"}'
    seen, refusals = metric(sink, stale), len(letters(refused))
    done = petstream(refused, *replay, "--rate", "100", DATABASE_HOST="")
    assert "published 3 results" in done.stderr
    assert "DATABASE_HOST is not set" in done.stderr
    refused.eventually(lambda: metric(sink, stale) >= seen + 3)
    assert refused.rows("SELECT * FROM classification_records ORDER BY id") == rows
    assert len(letters(refused)) == refusals
