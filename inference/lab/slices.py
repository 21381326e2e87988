"""Groups evaluated pictures by the slice that their table names. Pure."""

from typing import Final

from inference.lab.evaluate import FolderEvaluation, Outcome

POLICY_PREFIX: Final = "x-"
"""
Slices of policy cases, such as drawings: what their label should be is a rule, not a fact of the picture. They are
shown apart and count in no total.
"""


def counted(folder: FolderEvaluation) -> FolderEvaluation:
    """The pictures without policy cases."""
    return FolderEvaluation([each for each in folder.outcomes if not _is_policy_case(each)])


def policy_cases(folder: FolderEvaluation) -> FolderEvaluation:
    """The policy cases alone."""
    return FolderEvaluation([each for each in folder.outcomes if _is_policy_case(each)])


def by_slice(folder: FolderEvaluation) -> dict[str, FolderEvaluation]:
    """The pictures of each slice, by its name for display and in that order; pictures without a slice are left out."""
    members: dict[str, list[Outcome]] = {}
    for outcome in folder.outcomes:
        if outcome.labelled.slice:
            members.setdefault(outcome.labelled.slice_name, []).append(outcome)
    return {name: FolderEvaluation(members[name]) for name in sorted(members)}


def _is_policy_case(outcome: Outcome) -> bool:
    return outcome.labelled.slice.startswith(POLICY_PREFIX)
