"""The workload of every contender: the same pictures and notifications in the same order."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote_plus

LABELLED: Final = Path("../shared/data/dev")
"""The folder of labelled photographs; without it, the demo's freely licensed pictures are used."""

FIRST_SEQUENCER: Final = 0x55AED6DC00000000
"""Seconds of 2015 and a counter below them, as Amazon's look: of one length, so that the greater one is the later."""

SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One file of the workload."""

    name: str
    data: bytes


def pictures(folder: Path | None, limit: int | None = None) -> list[Picture]:
    """The pictures of a folder, sorted by name; or the demo's."""
    folder = folder or (LABELLED if LABELLED.is_dir() else None)
    if folder is None:
        from streams.demo.pictures import included  # noqa: PLC0415 - a folder needs none of it

        return [Picture(each.name, each.data) for each in included() if each.expected in {"cat", "dog", "not_a_pet"}]
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise FileNotFoundError(f"no pictures in {folder}: give a folder with some of {', '.join(sorted(SUFFIXES))}")
    return [Picture(path.name, path.read_bytes()) for path in found[:limit]]


@contextmanager
def unpacked(pictures: Sequence[Picture]) -> Iterator[Path]:
    """Write the pictures to a temporary folder, for another process."""
    with TemporaryDirectory(prefix="petstream-bench-") as name:
        folder = Path(name)
        for picture in pictures:
            (folder / picture.name).write_bytes(picture.data)
        yield folder


def keys(names: Sequence[str], count: int, run: str) -> Iterator[str]:
    """``count`` unique object keys, cycling over the pictures; the last segment is the picture's name."""
    for number, name in enumerate(islice(cycle(names), count)):
        yield f"uploads/{run}-{number}/{name}"


def notification(bucket: str, key: str, size_bytes: int, number: int) -> bytes:
    """S3's notification of a new object, with a sequencer that grows with ``number``."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {
                "key": quote_plus(key, safe="/"),
                "size": size_bytes,
                "sequencer": f"00{FIRST_SEQUENCER + number:016X}",
            },
        },
    }
    return json.dumps({"Records": [record]}).encode()
