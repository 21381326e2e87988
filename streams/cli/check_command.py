"""``petstream check``: checks the roles and prints the findings."""

import asyncio
from collections.abc import Callable

from streams.check.examine import ROLES, examine
from streams.check.finding import Finding, Role
from streams.cli.console import say, say_json, say_table, waiting


def run(roles: tuple[Role, ...] = ROLES, *, as_json: bool) -> int:
    """Check the roles and print the findings. Returns 0 if there are no problems, else 1."""
    from streams.cli.check_table import document, summary, table  # noqa: PLC0415 - keeps rich out of --help

    with waiting("looking") as now:
        findings = asyncio.run(_all(roles, now))
    if as_json:
        say_json(document(findings))
    else:
        say_table(table(findings))
        say(summary(findings))
    return int(any(finding.remedy for finding in findings))


async def _all(roles: tuple[Role, ...], now: Callable[[str], None]) -> list[Finding]:
    return [finding for role in roles for finding in await examine(role, now)]
