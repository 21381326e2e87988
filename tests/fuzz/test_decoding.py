"""Short forms of ``python -m tests.fuzz.decoding``; the long one, `make fuzz`, is run before a release."""

import mmap
import random
import sys
from pathlib import Path

import pytest

from inference.decode.formats import Format, sniff
from tests.fuzz import memory
from tests.fuzz.campaign import DECODED, FORMATS, Case, fuzz
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds


@pytest.mark.skipif(sys.platform != "linux", reason="memory and leftover processes are read off /proc")
@pytest.mark.parametrize("count", [800, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", FORMATS)
async def test_damaged_pictures_end_as_pixels_or_rejections(kind: Format, count: int, tmp_path: Path) -> None:
    report = await fuzz(kind, 1, range(count), findings=tmp_path)
    assert report.faults == []
    assert sum(report.outcomes.values()) == count
    assert report.outcomes[DECODED] > count / 20  # or else nothing but the front door was tried
    assert report.outcomes["undecodable"] > count / 20


@pytest.mark.parametrize("kind", FORMATS)
async def test_what_is_not_damaged_decodes(kind: Format) -> None:
    from inference.decode import Limits, decode
    from tests.fuzz.campaign import SPEC

    for data in seeds(kind):
        assert sniff(data[:64]) == kind
        assert len(data) < 16_000
        assert decode(data, SPEC, Limits()).shape == (16, 16, 3)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_case_can_be_made_again_and_differs_from_the_next(kind: Format) -> None:
    assert Case(kind, 3, 8).data == Case(kind, 3, 8).data
    assert len({Case(kind, 3, number).data for number in range(50)}) > 45
    assert Case(kind, 3, 8).data != Case(kind, 4, 8).data


def test_damage_stays_small() -> None:
    source = random.Random(1)
    others = seeds("GIF")
    assert all(len(mutated(source, seeds("BMP"), others)) <= 80_000 for _ in range(2000))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read off /proc")
def test_memory_is_seen() -> None:
    before = memory.resident_bytes()
    with mmap.mmap(-1, 50_000_000) as held:  # pages of its own: the heap may have some left over from other tests
        held.write(b"x" * 50_000_000)
        assert memory.resident_bytes() - before > 40_000_000
        assert memory.peak_bytes() >= memory.resident_bytes() - len(held)
    assert memory.resident_bytes(2**22 + 1) == 0
