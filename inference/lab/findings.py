"""All that an evaluation found, ready to be shown as tables, JSON or a page. Pure."""

from dataclasses import dataclass

from inference.lab.calibration import Calibration, calibrate
from inference.lab.compare import Comparison, compare
from inference.lab.evaluate import FolderEvaluation
from inference.lab.gates import Verdict, judge
from inference.lab.operating_curve import Point, curve, point
from inference.lab.slices import by_slice, counted, policy_cases
from inference.manifest import Thresholds


@dataclass(frozen=True, slots=True)
class Moved:
    """The results at another threshold than the model's."""

    thresholds: Thresholds
    pictures: FolderEvaluation


@dataclass(frozen=True, slots=True)
class Findings:
    """
    An evaluation. Totals, calibration, gates and curve are over ``pictures``, which are all but policy cases.

    ``own`` is the model's own operating point. ``slices`` and ``policy_cases`` are by name, and empty if the table
    names none.
    """

    pictures: FolderEvaluation
    slices: dict[str, FolderEvaluation]
    policy_cases: dict[str, FolderEvaluation]
    policy_pictures: FolderEvaluation
    calibration: Calibration
    gates: tuple[Verdict, ...]
    own: Point
    curve: tuple[Point, ...]
    moved: Moved | None
    comparison: Comparison | None


def findings(
    folder: FolderEvaluation,
    thresholds: Thresholds,
    *,
    at: float | None = None,
    against: tuple[str, FolderEvaluation] | None = None,
) -> Findings:
    """
    What there is to say about ``folder``.

    Args:
        folder: the evaluation, with the model's own thresholds.
        thresholds: these.
        at: another least score of a label, 0..1, whose consequence is to be shown.
        against: name and evaluation of another model on the same pictures.
    """
    pictures, apart = counted(folder), policy_cases(folder)
    slices, judged = by_slice(pictures), pictures.judged()
    calibration = calibrate([label for label, _ in judged], [prediction for _, prediction in judged])
    moved = None if at is None else Thresholds(accept=at, compared="label")
    return Findings(
        pictures=pictures,
        slices=slices,
        policy_cases=by_slice(apart),
        policy_pictures=apart,
        calibration=calibration,
        gates=judge(pictures, slices, calibration),
        own=point(judged, thresholds),
        curve=curve(judged),
        moved=None if moved is None else Moved(moved, pictures.at(moved)),
        comparison=None if against is None else compare(folder, against[1], against[0]),
    )
