"""
The folder of a training that can be interrupted: what it was begun with, and how far it is.

A run that is killed continues from its last checkpoint. The plan keeps that honest: the folder belongs to one set of
pictures, options and package versions, and anything else is refused.
"""

import fcntl
import io
import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from inference.model.file import replace

_PLAN: Final = "plan.json"
_LOCK: Final = "lock"
SUFFIX: Final = ".checkpoint"


@contextmanager
def opened(folder: Path, plan: Mapping[str, Any]) -> Iterator[None]:
    """
    Take the folder for the training that ``plan`` describes; created if it is missing, in a folder that exists.

    Args:
        folder: of this training alone.
        plan: values of JSON that decide the result, by names that a user understands.

    Raises:
        OSError: the folder cannot be made or written.
        ValueError: another process trains in it, or it belongs to another plan; names what differs.
    """
    folder.mkdir(exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"Another training runs in {folder}: wait for it, or take another --work folder"
            ) from error
        _check(folder, json.loads(json.dumps(plan)))
        for half in folder.glob(f".*{SUFFIX}.*"):  # what a kill left of ``save``, some 100 MB
            half.unlink()
        yield


def save(path: Path, state: Mapping[str, Any]) -> None:
    """
    Write a checkpoint atomically: after a kill, the old or the new one is there.

    Args:
        path: a file in the folder of ``opened``, with ``SUFFIX``.
        state: tensors, numbers and texts in dicts and lists.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    replace(path, buffer.getvalue())


def load(path: Path) -> dict[str, Any] | None:
    """
    What ``save`` wrote to ``path``, on the CPU; None if there is nothing.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove the folder {path.parent} to begin anew") from error
    return state


def remove(folder: Path) -> None:
    """Remove the plan and the checkpoints, when the training is done. Other files stay."""
    for path in (*folder.glob(f"*{SUFFIX}"), folder / _PLAN):
        path.unlink(missing_ok=True)


def _check(folder: Path, plan: dict[str, Any]) -> None:
    file = folder / _PLAN
    if not file.exists():
        replace(file, json.dumps(plan, indent=2, sort_keys=True).encode() + b"\n")
        return
    try:
        begun = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except ValueError as error:
        raise ValueError(f"{file} is damaged: remove the folder {folder} to begin anew") from error
    if changed := [
        f"{name} ({begun.get(name, 'none')}, now {plan.get(name, 'none')})"
        for name in sorted({*begun, *plan})
        if begun.get(name) != plan.get(name)
    ]:
        raise ValueError(
            f"The training in {folder} was begun with other {', '.join(changed)}. Continue it with what it was begun "
            "with, or remove the folder to begin anew"
        )
