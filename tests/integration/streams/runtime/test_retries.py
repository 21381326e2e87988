"""``petstream retries`` on real parts: what waits is found, shown, and tried at once when its cause is mended."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from streams.cli import app
from streams.contracts.identity import image_id
from streams.demo.outcomes import find_waiting
from tests.world import World, metric

GONE = ("uploads/ann/1.jpg", "uploads/ann/2.jpg", "uploads/ben/1.jpg")


def petstream(world: World, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["retries", *arguments], env={**world.stack.environment(), **world.env})


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def parked(module_world: World) -> World:
    """A world in which three objects that are not there wait for an hour, twice as long as any test."""
    (worker, _) = module_world.start("classify", "sink", env={"RETRY_DELAYS": "3600,3600,3600"})
    asyncio.run(module_world.publish(*map(module_world.notification, GONE)))
    name = 'petstream_uploads_parked_total{reason="missing",topic="image-uploads-retry-1m"}'
    module_world.eventually(lambda: metric(worker, name) == len(GONE))
    return module_world


def test_what_waits_is_listed_with_totals_and_narrowed_down(parked: World) -> None:
    url = f"s3://{parked.bucket}/"
    assert {row["image_url"] for row in lines(petstream(parked, "list", "--json"))} == {url + key for key in GONE}
    (one,) = lines(petstream(parked, "list", "--reason", "missing", "--key", "uploads/ben/", "--json"))
    assert (one["image_url"], one["reason"], one["attempts"]) == (f"{url}uploads/ben/1.jpg", "missing", 1)
    table = petstream(parked, "list", "--limit", "1")
    assert "image-uploads-retry-1m\tmissing" in table.stdout
    assert "3 uploads wait; shown are 1" in table.stderr
    assert lines(petstream(parked, "list", "--reason", "forbidden", "--json")) == []


def test_one_is_shown_by_its_place_and_by_its_object(parked: World) -> None:
    (one,) = lines(petstream(parked, "list", "--key", "uploads/ben/", "--json"))
    by_place = petstream(parked, "show", one["place"])
    assert by_place.exit_code == 0, by_place.output
    assert "petstream_retry_reason: missing" in by_place.stdout
    assert '"Records": [' in by_place.stdout
    (by_object,) = lines(petstream(parked, "show", one["image_url"], "--json"))
    assert by_object["place"] == one["place"]
    assert petstream(parked, "show", f"s3://{parked.bucket}/else.jpg").exit_code == 1


async def test_the_demos_account_knows_what_waits(parked: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**parked.stack.environment(), **parked.env}.items():
        monkeypatch.setenv(name, value)
    assert {each.id for each in await find_waiting()} == {image_id(parked.bucket, key) for key in GONE}


def test_what_is_mended_is_tried_at_once_and_what_is_not_goes_on_waiting(parked: World, chelsea: bytes) -> None:
    parked.put("uploads/ann/1.jpg", chelsea)
    dry = petstream(parked, "now", "--key", "uploads/ann/", "--dry-run")
    assert "would publish 2 messages onto image-uploads, for 2 uploads that wait" in dry.stderr
    assert len(asyncio.run(parked.events("image-uploads"))) == len(GONE)
    done = petstream(parked, "now", "--key", "uploads/ann/", "--json")
    assert json.loads(done.stdout) == {"dry_run": False, "uploads": 2, "messages": 2, "left_out": 0}
    assert parked.wait_outcomes("uploads/ann/1.jpg")["uploads/ann/1.jpg"] == "cat"
    parked.eventually(lambda: sum(asyncio.run(parked.committed("petstream-classifier", "image-uploads")).values()) == 5)
    assert len(lines(petstream(parked, "list", "--json"))) == len(GONE), (
        "originals go on waiting, and no copy joins them"
    )
    assert parked.outcomes() == {"uploads/ann/1.jpg": "cat"}
