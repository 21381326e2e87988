"""
Breaks a part inside a started process, for as long as a file exists: what no proxy and no signal can do from outside.

The interpreter of each process of the worker, decoders included, imports the ``sitecustomize`` that is written here.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HEAD = """
import os, sys, time
from pathlib import Path
IS_BROKEN = Path({flag!r}).exists
IS_WORKER = "streams.cli" in sys.orig_argv
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
    return whole(self)
ImageFile.ImageFile.load = load
"""
"""A picture of 7x7 pixels kills whoever decodes it, one of 5x5 is never done; both always."""

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
    from streams import uploads
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

PRODUCER: Final = """
if IS_WORKER:
    from streams import publisher
    publisher.REQUEST_TIMEOUT_MS = 3000
"""
"""A producer that takes a broker for away after 3 s instead of 30, always."""

LAG: Final = """
if IS_WORKER:
    from streams.lag import Lag
    Lag.watch.__defaults__ = (0.5,)
"""
"""A look at the lag every half second instead of every five, always."""


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A part of a process, and the means to break and mend it."""

    folder: Path
    what: str

    @property
    def env(self) -> dict[str, str]:
        """For the process that is to be broken."""
        (self.folder / "sitecustomize.py").write_text(_HEAD.format(flag=str(self._flag)) + self.what, encoding="utf-8")
        return {"PYTHONPATH": os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))}

    def do(self) -> None:
        """Break it."""
        self._flag.touch()

    def mend(self) -> None:
        """As it was."""
        self._flag.unlink(missing_ok=True)

    @property
    def _flag(self) -> Path:
        return self.folder / "broken"
