"""``petstream check``: examines roles, and prints what was found."""

import asyncio
from collections.abc import Callable

from streams.check.examine import ROLES, examine
from streams.check.finding import Finding, Role
from streams.cli.console import out, say, say_json, waiting


def run(roles: tuple[Role, ...] = ROLES, *, as_json: bool) -> int:
    """Examine the roles and print the findings; 0 if all is well, else 1."""
    from streams.cli.check_table import document, summary, table  # noqa: PLC0415 - rich is not for the help

    with waiting("looking") as now:
        findings = asyncio.run(_all(roles, now))
    if as_json:
        say_json(document(findings))
    else:
        out.print(table(findings))
        say(summary(findings))
    return int(any(finding.remedy for finding in findings))


async def _all(roles: tuple[Role, ...], now: Callable[[str], None]) -> list[Finding]:
    return [finding for role in roles for finding in await examine(role, now)]
