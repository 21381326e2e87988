"""``petstream watch`` on real Kafka: whatever stands on the topics, it says what is no result, and goes on."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from streams.contracts import encode
from streams.contracts.cloudevents import headers
from tests.sinking import classified
from tests.world import World

GOOD = classified("pets", "good")
BODY = encode(GOOD)
CONTEXT: list[tuple[str, Any]] = [*headers(GOOD, [])]
NO_RESULTS = [
    (b"{}", CONTEXT),
    (b"\xff\x00 no JSON \x1b[2J", CONTEXT),
    (BODY[:-1] + b',"deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}", CONTEXT),
    (BODY, [("ce_type", b"another.v9\n\x1b[2J" + b"x" * 100_000)]),
    (BODY, []),
]
ODD_BUT_GOOD = [
    (BODY.replace(b'"good"', b'"not UTF-8 elsewhere"')[:-1] + b',"later":"\xff\xfe"}', CONTEXT),
    (BODY.replace(b'"good"', b'"on several lines"').replace(b",", b",\n"), CONTEXT),
    (BODY, CONTEXT),
]


@pytest.mark.parametrize("arguments", [["--json"], []], ids=["json", "words"])
def test_watching_says_in_one_line_what_is_no_result_and_goes_on(world: World, arguments: list[str]) -> None:
    async def publish() -> None:
        for number, (body, context) in enumerate([*NO_RESULTS, *ODD_BUT_GOOD]):
            mine = [(name, b"%d" % number if name == "ce_id" else value) for name, value in context]
            await world.publish(body, topic="image-classifications", headers=mine)

    asyncio.run(publish())
    watching = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "watch", "--from-beginning", *arguments],
        env={**os.environ, **world.stack.environment(), **world.env, "COLUMNS": "300"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert watching.stdout is not None
        assert watching.stderr is not None
        shown = [watching.stdout.readline().decode() for _ in ODD_BUT_GOOD]  # bounded by the test's own time-out
        told = [watching.stderr.readline().decode() for _ in NO_RESULTS]
    finally:
        watching.kill()
        rest = watching.communicate()
    assert rest == (b"", b"")
    assert all(each.startswith("passed over, not a result: ") and "\x1b" not in each for each in told), told
    assert all(f"{world.prefix}image-classifications, partition " in each and len(each) < 500 for each in told), told
    if arguments:
        assert {json.loads(each)["key"] for each in shown} == {"not UTF-8 elsewhere", "on several lines", "good"}
    else:
        assert all(each.startswith("cat ") for each in shown), shown
