"""Formats the findings of a check: a table, or a JSON document. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from streams.check.finding import Finding, State
from streams.cli.fitting_table import Column, fitting

MARKS: Final[dict[State, tuple[str, str]]] = {"ok": ("✓", "green"), "warning": ("⚠", "yellow"), "problem": ("✗", "red")}
"""The mark of each state and its colour on a terminal."""
COLUMNS: Final = (
    *(Column(""), Column("role"), Column("what", folds=True)),
    *(Column("found", folds=True), Column("what to do", folds=True)),
)


def table(findings: Sequence[Finding]) -> Table:
    """One row for each finding, with its mark first."""
    rows = ((MARKS[each.state][0], each.role, each.subject, each.found, each.remedy) for each in findings)
    made = fitting(COLUMNS, rows)
    for mark, each in zip(made.columns[0].cells, findings, strict=True):
        assert isinstance(mark, Text), "it was made as one"
        mark.stylize(MARKS[each.state][1])
    return made


def summary(findings: Sequence[Finding]) -> str:
    """The numbers of problems, of warnings and of findings."""
    states = Counter(each.state for each in findings)
    problems, warnings = states["problem"], states["warning"]
    if problems:
        return f"{problems} of {len(findings)} need attention" + (
            f"; {warnings} more with a warning" if warnings else ""
        )
    if warnings:
        return f"all {len(findings)} work, {warnings} with a warning"
    return f"{len(findings)} of {len(findings)} checks passed"


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """``well`` is true without problems; ``state`` of a finding is ok, warning or problem."""
    described = [
        {
            "state": each.state,
            "role": each.role,
            "subject": each.subject,
            "found": each.found,
            "remedy": each.remedy,
        }
        for each in findings
    ]
    return {"well": not has_problems(findings), "findings": described}


def has_problems(findings: Sequence[Finding]) -> bool:
    """Whether a role cannot do its work. Warnings alone are no problem."""
    return any(each.state == "problem" for each in findings)
