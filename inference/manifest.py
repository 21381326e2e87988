"""What a model file says about itself: a JSON document inside the TorchScript archive, read before anything runs."""

from typing import Annotated, Any, Final, Literal, Self

import msgspec
from msgspec import Meta

from inference.errors import ModelUnusable
from inference.prediction import Compared, Label

MANIFEST_FILE: Final = "manifest.json"  # its name among the archive's _extra_files
FORMAT: Final = "petstream.model/1"

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Network = Literal["torchscript", "openvino-bfloat16", "openvino-int8"]
Rule = Literal["large", "mean"]
Probability = Annotated[float, Meta(ge=0, le=1)]


class InputSpec(msgspec.Struct, frozen=True, kw_only=True):
    """
    The pixels that the model takes: uint8 RGB, shape (N, size, size, 3), sRGB, 0..255, not normalised.

    ``size`` and ``resize`` are sides in pixels: the short side is brought to ``resize``, then the central square of
    ``size`` is taken. Both come from training; model files carry them so that nobody has to remember.
    """

    size: Annotated[int, Meta(ge=8, le=2048)]
    resize: Annotated[int, Meta(ge=8, le=4096)]

    def __post_init__(self) -> None:
        if self.resize < self.size:
            raise ValueError(f"resize ({self.resize}) must be at least size ({self.size})")


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """
    ``accept``: the least score with which a picture gets a label.

    ``compared``: what has to reach it. ``label``: the score of the label, which is the larger of cat and dog. ``pet``:
    cat and dog together; a file that does not say means this. An operator's own threshold is compared with the label.
    """

    accept: Probability
    compared: Compared = "pet"


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    The consequence of one threshold. ``pets_kept`` and ``false_pets``: the shares of pets and of others with a label.

    ``wrong_species``: of the pets with a label, the share with that of the other species.
    """

    threshold: Probability
    pets_kept: Probability
    false_pets: Probability
    wrong_species: Probability


class OperatingCurve(msgspec.Struct, frozen=True, kw_only=True):
    """
    The consequences of other thresholds, ascending, for whoever moves it (``ACCEPT_AT``).

    ``measured_on`` says on which pictures, in words, and whether the model had seen them; ``pets`` and ``others`` are
    their numbers.
    """

    measured_on: Annotated[str, Meta(max_length=2000)]
    pets: Annotated[int, Meta(ge=1)]
    others: Annotated[int, Meta(ge=1)]
    points: Annotated[tuple[OperatingPoint, ...], Meta(max_length=200)]


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """
    One answer of the file when it was built, which every engine must reproduce before it serves.

    ``pattern`` numbers a picture that ``golden.draw`` draws; ``scores`` are the columns for it, in the order of labels.
    """

    pattern: Annotated[int, Meta(ge=0, le=63)]
    scores: tuple[Probability, ...]


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """
    Two networks in one file: the small one judges each picture and defers to the large one where it is unsure.

    ``defer_below``: pictures whose greatest score from the small network is smaller than this are deferred. ``rule``:
    the scores of a deferred picture are those of the large network, or the mean of both. ``golden``: the scores of
    pictures as if each were deferred, so that the large network is tested even where the small one is sure.
    """

    defer_below: Probability
    rule: Rule
    golden: tuple[Golden, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """
    The contract of a model file. Unknown fields are ignored; every field that decides something is required.

    ``labels`` names the output's columns in order; ``classes`` says for each of them which of our three it is, so a
    model with other labels (breeds, say) is used as it is: columns of one class are added. ``rev`` orders the versions
    of the model: results of a greater one replace those of a smaller one. ``policy`` states in sentences what the
    labels mean; empty: not stated. ``operating_curve``: None if not measured.

    ``network`` says whose scores the golden ones are. ``torchscript``: the module's, in float32; any engine runs the
    file. ``openvino-…``: those of the network in OpenVINO's format, in that arithmetic; no other engine runs the file.
    ``cascade``: the file has two networks; None: one.
    """

    format: Literal["petstream.model/1"]
    name: Name
    version: Name
    rev: Annotated[int, Meta(ge=0, lt=2**31)]
    labels: Annotated[tuple[Name, ...], Meta(min_length=2, max_length=10_000)]
    classes: dict[str, Label]
    input: InputSpec
    thresholds: Thresholds
    licence: str
    provenance: dict[str, Any]
    golden: tuple[Golden, ...] = ()
    network: Network = "torchscript"
    cascade: Cascade | None = None
    policy: Annotated[tuple[str, ...], Meta(max_length=100)] = ()
    operating_curve: OperatingCurve | None = None

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels names a column twice")
        if missing := [label for label in self.labels if label not in self.classes]:
            raise ValueError(f"classes does not say what {', '.join(missing[:5])} is: cat, dog or neither")
        if absent := {"cat", "dog"} - {self.classes[label] for label in self.labels}:
            raise ValueError(f"no label is a {' or a '.join(sorted(absent))}")
        answers = (*self.golden, *(self.cascade.golden if self.cascade else ()))
        if any(len(golden.scores) != len(self.labels) for golden in answers):
            raise ValueError("golden scores must have one number for each label")

    @classmethod
    def from_json(cls, document: bytes | str) -> Self:
        """
        The manifest that ``document`` holds.

        Raises:
            ModelUnusable: if it is not JSON, or breaks a rule of this class; the message names the field.
        """
        try:
            return msgspec.json.decode(document, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelUnusable(
                f"The model's {MANIFEST_FILE} is not valid: {error}. "
                "Export the model again with `petstream model export`, or correct the manifest in your own export."
            ) from error

    def to_json(self) -> bytes:
        """The document, the same bytes for the same manifest."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2)

    def columns(self, label: Label) -> tuple[int, ...]:
        """The output's columns that count as ``label``, ascending."""
        return tuple(i for i, name in enumerate(self.labels) if self.classes[name] == label)
