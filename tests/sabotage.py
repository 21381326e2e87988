"""
Breaks parts inside a started process, each for as long as a file exists: what no proxy and no signal can do from
outside.

The interpreter of each process of the worker, decoders included, imports the ``sitecustomize`` that is written here.
"""

import os
import textwrap
from pathlib import Path
from typing import Final

_HEAD = """
import os, sys, time
from pathlib import Path
IS_WORKER = "streams.cli" in sys.orig_argv
"""

_PART = """
def part_{number}(IS_BROKEN):
{what}
part_{number}(Path({flag!r}).exists)
"""

DECODER: Final = """
from PIL import ImageFile
whole = ImageFile.ImageFile.load
def load(self):
    if IS_BROKEN():
        raise OSError("broken data stream when reading image file")
    return whole(self)
ImageFile.ImageFile.load = load
"""

KILLERS: Final = """
from PIL import ImageFile
whole = ImageFile.ImageFile.load
def load(self):
    if self.size == (7, 7):
        os.kill(os.getpid(), 9)
    if self.size == (5, 5):
        time.sleep(600)
    if self.size == (9, 9):
        time.sleep(0.6)
    return whole(self)
ImageFile.ImageFile.load = load
"""
"""A picture of 7x7 pixels kills whoever decodes it, one of 5x5 is never done, one of 9x9 takes its time; always."""

ENGINE: Final = """
if IS_WORKER:
    from inference.classifier import Classifier
    whole = Classifier.predict
    def predict(self, *arguments):
        while IS_BROKEN():
            time.sleep(0.05)
        return whole(self, *arguments)
    Classifier.predict = predict
"""

EVENT_LOOP: Final = """
if IS_WORKER:
    from streams.notifications import upload as uploads
    whole = uploads.parse
    def parse(*arguments):
        while IS_BROKEN():
            time.sleep(0.05)
        return whole(*arguments)
    uploads.parse = parse
"""

FETCHER: Final = """
if IS_WORKER:
    import asyncio
    from aiokafka.consumer.fetcher import Fetcher
    whole = Fetcher._proc_fetch_request
    async def proc(self, *arguments):
        while IS_BROKEN():
            await asyncio.sleep(0.05)
        return await whole(self, *arguments)
    Fetcher._proc_fetch_request = proc
"""

FETCH: Final = """
if IS_WORKER:
    from aiokafka.consumer.fetcher import Fetcher
    whole = Fetcher._proc_fetch_request
    async def proc(self, *arguments):
        if IS_BROKEN():
            raise KeyError("a mistake of the client's")
        return await whole(self, *arguments)
    Fetcher._proc_fetch_request = proc
"""

POSITIONS: Final = """
if IS_WORKER:
    from aiokafka.consumer.fetcher import Fetcher
    find = Fetcher._update_fetch_positions
    async def find_or_fail(self, *arguments):
        if IS_BROKEN():
            raise KeyError("a mistake of the client's")
        return await find(self, *arguments)
    Fetcher._update_fetch_positions = find_or_fail
"""

MEMBERSHIP: Final = """
if IS_WORKER:
    import asyncio
    from aiokafka.consumer.group_coordinator import GroupCoordinator
    whole = GroupCoordinator._do_rejoin_group
    async def rejoin(self, *arguments):
        while IS_BROKEN():
            await asyncio.sleep(0.05)
        return await whole(self, *arguments)
    GroupCoordinator._do_rejoin_group = rejoin
"""

REBALANCE: Final = """
if IS_WORKER:
    import asyncio
    from faust.app.base import App
    from faust.tables.recovery import Recovery
    from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread as Thread
    whole_revoked, whole_resume, whole_getmany = App._on_partitions_revoked, Recovery._resume_streams, Thread.getmany
    async def revoked(self, partitions):
        await whole_revoked(self, partitions)
        if IS_BROKEN():
            await asyncio.sleep(1)
    async def resume(self, *arguments, **named):
        if IS_BROKEN():
            await asyncio.sleep(2)
        await whole_resume(self, *arguments, **named)
    async def getmany(self, partitions, timeout):
        return await whole_getmany(self, partitions, 5 if IS_BROKEN() else timeout)
    App._on_partitions_revoked, Recovery._resume_streams, Thread.getmany = revoked, resume, getmany
"""
"""A rebalance takes its time between its steps, and meets the consumer while it waits for messages."""

QUICK_LOOKS: Final = """
if IS_WORKER:
    from streams.kafka import lag
    lag.Lag.watch.__defaults__ = (0.5,)
    lag._ANSWER_SECONDS = 2.0
"""
"""
Asks each half second, not each five, what waits in Kafka, and gives up after 2 seconds, not 30. Always, as all that is
called quick here.
"""

QUICK_PRODUCER: Final = """
if IS_WORKER:
    from streams.kafka import publisher
    publisher.REQUEST_TIMEOUT_MS = 3_000
"""
"""Gives a request to Kafka up after 3 seconds, not 30: a tenth of what petstream has, as are the bounds beside it."""

QUICK_STORE: Final = """
if IS_WORKER:
    from streams.classify import opening
    opening.CLIENT_OPTIONS["read_timeout"] = 3
"""
"""boto3 gives a silent store up after 3 seconds, not 30."""


class Sabotage:
    """Parts of a process, and the means to break and mend them."""

    def __init__(self, folder: Path, *parts: str) -> None:
        self._folder = folder
        self._parts = parts

    @property
    def env(self) -> dict[str, str]:
        """For the process that is to be broken."""
        text = _HEAD
        for number, part in enumerate(self._parts):
            text += _PART.format(number=number, what=textwrap.indent(part, "    "), flag=str(self._flag(part)))
        (self._folder / "sitecustomize.py").write_text(text, encoding="utf-8")
        return {"PYTHONPATH": os.pathsep.join(filter(None, [str(self._folder), os.environ.get("PYTHONPATH")]))}

    def do(self, *parts: str) -> None:
        """Break these, or all."""
        for part in parts or self._parts:
            self._flag(part).touch()

    def mend(self, *parts: str) -> None:
        """As these, or all, were."""
        for part in parts or self._parts:
            self._flag(part).unlink(missing_ok=True)

    def _flag(self, part: str) -> Path:
        return self._folder / f"broken-{self._parts.index(part)}"
