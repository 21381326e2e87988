"""Only our consumer and its thread reach into the private parts of Faust: a new release is read against these two."""

import ast
from pathlib import Path
from typing import Final

import faust
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers import aiokafka as driver

STREAMS: Final = Path("streams")
OURS: Final = {"consumer/faust_consumer.py", "consumer/faust_consumer_thread.py"}
PRIVATE: Final = {
    name
    for kind in (faust.App, Consumer, ConsumerThread, driver.Consumer, driver.AIOKafkaConsumerThread)
    for parent in kind.__mro__
    if parent.__module__.startswith(("faust", "mode"))
    for name in {*vars(parent), *vars(parent).get("__annotations__", {})}
    if name.startswith("_") and not name.startswith("__")
} - {"_fetcher"}
"""aiokafka's consumer has a ``_fetcher`` of its own."""


def reached_into(path: Path) -> set[str]:
    """The private names that a module takes of something other than itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in PRIVATE
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


def test_one_place_reaches_into_faust() -> None:
    assert {"_committed_offset", "_create_worker_consumer", "_ensure_consumer"} <= PRIVATE
    found = {str(path.relative_to(STREAMS)): reached_into(path) for path in STREAMS.rglob("*.py")}
    assert {path: names for path, names in found.items() if names and path not in OURS} == {}
