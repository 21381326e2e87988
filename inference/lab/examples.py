"""
The labelled pictures that a network is trained on: read from tables, checked before anything slow begins, and stored
once at a bounded size.

The product's decoder reads each picture (orientation, colour profile, repairs). The result is stored as a JPEG under
the checksum of its file, so that a step of training reads some 30 KB instead of a photograph.
"""

import errno
import hashlib
import io
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from PIL import Image

from inference.decode import Limits, decode_whole
from inference.errors import RejectedImage
from inference.lab import picture_file
from inference.lab.labels import read_table
from inference.model.file import replace
from inference.prediction import LABELS, Label

POLICY: Final = "x-"
"""A slice with this prefix has pictures whose label is a matter of policy: not fitted, but reported."""
SIDE: Final = 360
"""The short side of a stored picture: a random crop of half of it is not much smaller than an input."""
LEAST: Final = 5  # of each label; fewer cannot be divided into folds, nor be learned from
_QUALITY: Final = 92
_BYTES_PER_PICTURE: Final = 100_000  # 31,000 on average where measured; phones' pictures have more detail
_NAMED: Final = 10  # of the pictures at fault


@dataclass(frozen=True, slots=True)
class Example:
    """
    A picture of a table. ``slice`` is the table's folder if it has no such column; ``origin`` may be empty.
    ``sha256`` is that of the file.
    """

    path: Path
    label: Label
    slice: str
    origin: str
    sha256: str

    @property
    def is_fitted(self) -> bool:
        """Whether the picture takes part in training."""
        return not self.slice.startswith(POLICY)

    @property
    def group(self) -> str:
        """What is held out together in cross-validation."""
        return self.origin or self.slice


def read_examples(tables: Sequence[Path]) -> list[Example]:
    """
    The pictures of all tables, each with the checksum of its file.

    A picture that is listed several times counts once, where it is first: else it could be fitted and held out.

    Raises:
        OSError: a table cannot be read.
        ValueError: a table is invalid, pictures are missing or unreadable (named together), the same picture has two
            labels, or a label has fewer than ``LEAST`` pictures to fit.
    """
    examples, unreadable = [], []
    for table in tables:
        for row in read_table(table, LABELS):
            path, label = table.parent / row.file, cast("Label", row.label)
            try:
                checksum = hashlib.sha256(picture_file.read(path)).hexdigest()
            except OSError as error:
                unreadable.append(f"{row.place}: {row.file}: {error.strerror}")
                continue
            examples.append(Example(path, label, row.slice or table.resolve().parent.name, row.origin, checksum))
    if unreadable:
        raise ValueError(_named("cannot be read", unreadable, "Correct their names in the table, or take them out"))
    _check_several_labels(examples)
    first: dict[str, Example] = {}
    for each in examples:
        first.setdefault(each.sha256, each)
    _check_scarce(list(first.values()))
    return list(first.values())


def digest(examples: Iterable[Example]) -> str:
    """SHA-256 over the sorted lines "<sha256 of the file> <label>": that of ``evaluate.pictures_digest``."""
    lines = sorted({f"{each.sha256} {each.label}\n" for each in examples})
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def stored(path: Path, example: Example) -> Path:
    """Where ``store`` keeps the example's picture in the folder ``path``."""
    return path / f"{example.sha256}.jpg"


def store(path: Path, examples: Sequence[Example], *, progress: Callable[[int, int], None]) -> None:
    """
    Decode each picture and store it in the folder ``path``, with the short side at most ``SIDE``. What is there stays.

    Args:
        path: the folder; it must exist.
        examples: the pictures.
        progress: called with the number of pictures done and in total.

    Raises:
        OSError: the disk has not enough room, or a picture cannot be read or written.
        ValueError: pictures do not decode; named together, with the reasons.
    """
    missing = [each for each in examples if not stored(path, each).exists()]
    check_room(path, len(missing) * _BYTES_PER_PICTURE)
    rejected: list[str] = []
    for done, example in enumerate(missing):
        try:
            pixels = decode_whole(example.path.read_bytes(), SIDE, Limits())
        except RejectedImage as error:
            rejected.append(f"{example.path}: {error}")
            continue
        finally:
            progress(done + 1, len(missing))
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
        replace(stored(path, example), buffer.getvalue())
    if rejected:
        raise ValueError(_named("do not decode", rejected, "Take them out of the table"))


def _check_several_labels(examples: Sequence[Example]) -> None:
    labels_of: defaultdict[str, set[Label]] = defaultdict(set)
    for each in examples:
        labels_of[each.sha256].add(each.label)
    if twice := [f"{each.path}: {each.label}" for each in examples if len(labels_of[each.sha256]) > 1]:
        raise ValueError(_named("have several labels", twice, "Decide for one"))


def _check_scarce(examples: Sequence[Example]) -> None:
    labels = [each.label for each in examples if each.is_fitted]
    if scarce := [f"{label}: {labels.count(label)}" for label in LABELS if labels.count(label) < LEAST]:
        raise ValueError(
            f"There are too few pictures to fit ({', '.join(scarce)}): at least {LEAST} of each label are needed, in "
            f"slices whose name does not begin with {POLICY}"
        )


def check_room(path: Path, needed: int) -> None:
    """Raise an OSError that tells both numbers if the folder's disk has fewer than ``needed`` bytes free."""
    free = shutil.disk_usage(path).free
    if free < needed:
        raise OSError(errno.ENOSPC, f"{needed / 1e9:.1f} GB are needed, and {free / 1e9:.1f} GB are free", str(path))


def _named(fault: str, pictures: Sequence[str], remedy: str) -> str:
    """A message that names the pictures at fault; the first ones, if there are many."""
    shown = "; ".join(pictures[:_NAMED])
    more = f"; and {len(pictures) - _NAMED} more" if len(pictures) > _NAMED else ""
    return f"Pictures that {fault} ({len(pictures)}): {shown}{more}. {remedy}"
