"""Formats the findings of a check: a table, or a JSON document. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from streams.check.finding import Finding
from streams.cli.fitting_table import Column, fitting

COLUMNS: Final = (
    *(Column(""), Column("role"), Column("what", folds=True)),
    *(Column("found", folds=True), Column("what to do", folds=True)),
)


def table(findings: Sequence[Finding]) -> Table:
    """One row for each finding, with its mark first."""
    rows = (("✗" if each.remedy else "✓", each.role, each.subject, each.found, each.remedy) for each in findings)
    made = fitting(COLUMNS, rows)
    for mark, each in zip(made.columns[0].cells, findings, strict=True):
        assert isinstance(mark, Text), "it was made as one"
        mark.stylize("red" if each.remedy else "green")
    return made


def summary(findings: Sequence[Finding]) -> str:
    """The number of problems and of findings."""
    wrong = sum(each.remedy is not None for each in findings)
    return f"{wrong} of {len(findings)} need attention" if wrong else f"all {len(findings)} are well"


def document(findings: Sequence[Finding]) -> dict[str, Any]:
    """``well`` is true without problems; a finding without a remedy is not a problem."""
    return {"well": all(each.remedy is None for each in findings), "findings": list(findings)}
