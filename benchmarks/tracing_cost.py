"""
What a picture's trace costs the classifier's process, in CPU time: not at all traced, spans off, spans on.

The same picture's steps each time, as the agent takes them (classify, fetch, decode, inference in batches of 8,
publish, with the header read and written), around no work. Spans on export to a collector in another process that
answers at once: building, queueing, encoding and sending are counted. Run: python benchmarks/tracing_cost.py [pictures]
"""

import asyncio
import http.server
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from streams.consumer.batches import Batcher
from streams.contracts import traceparent
from streams.runtime import tracing
from streams.runtime.settings import ServiceSettings, load

HEADERS = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
PICTURE = SimpleNamespace(id=UUID(int=7))
PICTURE_CPU_MS = 16.3
"""Decode and forward of one picture in a bare loop with OpenVINO on two cores of 2026: what the cost is set against."""
REPEATS = 5


class Swallow(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def swallow(port: Any) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Swallow)
    port.send(server.server_port)
    server.serve_forever()


async def nothing(items: Sequence[int]) -> Sequence[int]:
    return items


async def pictures(count: int, *, traced: bool) -> float:
    """Seconds of CPU time of this process, all its threads, for so many pictures."""
    batcher: Batcher[int, int] = Batcher(
        nothing, max_size=8, max_wait_seconds=0, traced_as="inference.batch" if traced else None
    )
    serving = asyncio.create_task(batcher.serve())

    def span(name: str) -> Any:
        return tracing.span(name) if traced else nullcontext()

    async def one(number: int) -> None:
        carried = traceparent.carried(HEADERS) if traced else None
        with tracing.within(carried, "classify", of=PICTURE) if traced else nullcontext():
            with span("fetch"):
                await asyncio.sleep(0)
            with span("decode"):
                await asyncio.sleep(0)
            with span("inference"):
                await batcher.submit(number)
            with span("publish"):
                _ = tracing.headers() if traced else HEADERS
                await asyncio.sleep(0)

    began = time.process_time()
    for start in range(0, count, 64):
        await asyncio.gather(*(one(number) for number in range(start, min(start + 64, count))))
        await asyncio.sleep(0.05)  # the exporter keeps up, as it does at a classifier's rate
    used = time.process_time() - began
    serving.cancel()
    return used


def run(count: int, *, traced: bool) -> float:
    return asyncio.run(pictures(count, traced=traced)) / count * 1e6


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    ours, theirs = multiprocessing.Pipe()
    collector = multiprocessing.Process(target=swallow, args=(theirs,), daemon=True)
    collector.start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{ours.recv()}"
    without, off, on = [], [], []
    for _ in range(REPEATS):  # in turns, and the least of each: what else the machine does only adds
        without.append(run(count, traced=False))
        off.append(run(count, traced=True))
        with tracing.exporting(load(ServiceSettings), service="classifier"):
            on.append(run(count, traced=True))
    collector.terminate()
    print(f"{count} pictures, microseconds of CPU time for each, and as a part of a picture's {PICTURE_CPU_MS} ms")
    for name, each in (("not traced at all", min(without)), ("spans off", min(off)), ("spans on", min(on))):
        more = each - min(without)
        print(f"{name:18} {each:8.1f}   {more:+8.1f} us   {more / PICTURE_CPU_MS / 10:+6.2f} %")
    print(f"on / off: {min(on) / min(off):.2f}")


if __name__ == "__main__":
    main()
