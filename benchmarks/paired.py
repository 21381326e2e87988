"""
This tree beside another checkout of it: what one picture costs the classifier, round by round.

    python -m benchmarks.paired CHECKOUT [--rounds 10] [--pictures N] [--model FILE]

``CHECKOUT`` has an environment of its own (``make setup`` there). Both classifiers stand on the same broker and store,
each on topics of its own, and work in turns; who begins changes with each round. Without ``--model`` the pictures are
thumbnails and the model costs nothing, so that what is left is what petstream itself costs.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import growth, workload
from benchmarks.contenders import START_SECONDS
from benchmarks.rig import Rig, Sandbox, Work, opened
from deploy.local.pipeline import Worker
from deploy.local.ports import LOOPBACK, free_port
from streams.contracts.topics import IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS

RESULTS: Final = (IMAGE_CLASSIFICATIONS, IMAGE_REJECTIONS)
WARM_UP: Final = 300


@dataclass(slots=True)
class Side:
    """One of the two trees, and what it did in each round."""

    name: str
    python: Path
    sandbox: Sandbox
    rounds: list[Work] = field(default_factory=list)

    async def start(self, rig: Rig, model: Path) -> None:
        """Start its classifier; -P: what it imports is of its own tree, wherever this was started."""
        port = free_port()
        environment = {"HEALTH_PORT": str(port), "MODEL_URI": str(model)}
        argv = [str(self.python), "-P", "-m", "streams.cli", "classify"]
        process = rig.spawn(self.sandbox, "classify", argv, environment)
        worker = Worker("classify", process, f"http://{LOOPBACK}:{port}")
        await asyncio.to_thread(worker.wait_ready, START_SECONDS)
        await rig.work(self.sandbox, WARM_UP, RESULTS)

    async def work(self, rig: Rig, pictures: int) -> None:
        """One round."""
        self.rounds.append(await rig.work(self.sandbox, pictures, RESULTS))


async def measured(rig: Rig, other: Path, model: Path, *, rounds: int, pictures: int) -> None:
    """Print what each round took, and the ratios pair by pair."""
    async with AsyncExitStack() as grounds:
        ours = Side("this tree", Path(sys.executable), await grounds.enter_async_context(rig.sandbox()))
        theirs = Side(str(other), other / ".venv/bin/python", await grounds.enter_async_context(rig.sandbox()))
        for side in (ours, theirs):
            await side.start(rig, model)
        for number in range(rounds):
            for side in (ours, theirs) if number % 2 == 0 else (theirs, ours):
                await side.work(rig, pictures)
            ratios = ", ".join(
                f"{side.name} {side.rounds[-1].cpu_ms('classify'):.3f} ms, {side.rounds[-1].pictures_per_second:.0f}/s"
                for side in (ours, theirs)
            )
            print(f"round {number + 1}: {ratios}", flush=True)
    pairs = list(zip(ours.rounds, theirs.rounds, strict=True))
    cpu = sorted(our.cpu_ms("classify") / their.cpu_ms("classify") for our, their in pairs)
    rate = sorted(our.pictures_per_second / their.pictures_per_second for our, their in pairs)
    for what, ratios in (("processor a picture", cpu), ("pictures a second", rate)):
        print(f"{what}, this tree over the other: {ratios[0]:.3f} … {median(ratios):.3f} … {ratios[-1]:.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--pictures", type=int, help="in a round; default 3,000 thumbnails, 400 photographs")
    parser.add_argument("--model", type=Path, help="a TorchScript file, for photographs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.model is None:
            model, pictures, count = growth.small_model(Path(folder) / "small.pt"), growth.of_sizes([(64, 48)]), 3_000
        else:
            model, pictures, count = given.model, workload.pictures(None), 400
        with opened(pictures) as rig:
            count = given.pictures or count
            asyncio.run(measured(rig, given.checkout, model, rounds=given.rounds, pictures=count))
    return 0


if __name__ == "__main__":
    sys.exit(main())
