"""The benchmark's own parts on real ones: what it counts is what happened."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from benchmarks import compare, latency, tables, workload
from benchmarks.contenders import Petstream
from benchmarks.growth import of_sizes, small_model
from benchmarks.rig import Rig, Sandbox, beside
from deploy.local.stack import Stack

PICTURES = 12


@pytest.fixture(scope="module")
def rig(stack: Stack) -> Iterator[Rig]:
    with beside(stack, of_sizes([(64, 48), (80, 60)])) as made:
        yield made


@pytest.fixture
async def measured(rig: Rig, quick_model: Path) -> AsyncIterator[tuple[Sandbox, Petstream]]:
    contender = Petstream(quick_model, settings={"ENGINE": "openvino", "DECODE_WORKERS": "1"})
    async with rig.sandbox(partitions=2) as sandbox:
        await contender.start(rig, sandbox)
        yield sandbox, contender


async def test_work_is_done_when_each_picture_has_its_result(rig: Rig, measured: tuple[Sandbox, Petstream]) -> None:
    sandbox, contender = measured
    work = await rig.work(sandbox, PICTURES, contender.result_topics)
    assert len(await rig.results(sandbox, contender.result_topics)) == PICTURES == work.pictures
    assert work.pictures_per_second > 0
    assert {"classify-1", "sink", "kafka", "postgres", "store", "bench"} == work.cpu_seconds.keys()
    assert work.cpu_ms("classify-1") > 0
    assert work.peak_mib["classify-1"] > 50
    assert tables.own_cpu(compare.figures(work)) == work.cpu_ms("classify-1")

    own = dict.fromkeys([picture.name for picture in rig.pictures], 5.0)
    at = await latency.at_rate(rig, sandbox, contender, per_second=20, pictures=PICTURES, own_ms=own)
    assert at.pictures == PICTURES
    assert 0 < at.p50_ms <= at.p95_ms
    assert at.times_p50 == pytest.approx(at.p50_ms / 5)


def test_the_bare_loop_tells_its_figures(tmp_path: Path) -> None:
    model = small_model(tmp_path / "small.pt")
    with workload.unpacked(of_sizes([(64, 48)])) as folder:
        limit = compare.bare_loop(model, folder, engine="torchscript", workers=2, batch=4, pictures=40)
    assert (limit.workers, limit.batch, limit.pictures) == (2, 4, 40)
    assert limit.pictures_per_second > 0
    assert compare.best([limit], "torchscript") is limit
