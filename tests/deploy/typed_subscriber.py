"""A subscriber in a process of its own: the typed reader of a release, as docs/subscribing.md has it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from deploy.local.processes import ChildProcess
from tests.world import World

SUBSCRIBER: Final = """
import asyncio, json, sys
from streams.subscriber import Subscriber
try:
    from streams.subscriber import UndecodableEventError
except ImportError:  # the previous release
    from streams.received import UndecodableEventError

async def main(servers, prefix, group, *topics):
    async with Subscriber({"bootstrap_servers": servers}, topics, group=group, prefix=prefix) as events:
        while True:
            try:
                async for received in events:
                    said = {"topic": received.topic, "body": json.loads(received.body)}
                    print("GOT " + json.dumps(said), flush=True)
            except UndecodableEventError as error:
                print("BAD " + json.dumps({"topic": error.topic, "body": json.loads(error.body)}), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""
"""Uses what both releases have. It handles the one error as docs/subscribing.md said before and says now."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """The process, and what it has printed."""

    process: ChildProcess

    @classmethod
    def start(cls, world: World, python: Path | str, name: str, *topics: str, cwd: Path) -> Self:
        """Start one with a release's Python. In this checkout as ``cwd`` it would find this release."""
        servers = world.stack.kafka.bootstrap_servers
        argv = [str(python), "-c", SUBSCRIBER, servers, world.prefix, world.prefix + name, *topics]
        return cls(world.stack.spawn(name, argv, cwd=cwd))

    def printed(self, kind: str) -> list[Any]:
        lines = self.process.log_path.read_text().split("\n")[:-1]  # the last one may not be whole
        return [json.loads(line.removeprefix(kind + " ")) for line in lines if line.startswith(kind + " ")]

    def ids(self) -> set[str]:
        self.process.raise_if_ended()
        return {each["body"]["id"] for each in self.printed("GOT")}
