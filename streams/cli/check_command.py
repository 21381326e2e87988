"""``petstream check``: checks the roles and prints the findings."""

import asyncio
from collections.abc import Callable
from itertools import chain

from streams.check.examine import NO_QUEUE, ROLES, examine, has_queue
from streams.check.finding import Finding, Role
from streams.cli.console import print_json, print_line, print_table, waiting


def run(roles: tuple[Role, ...] = (), *, as_json: bool) -> int:
    """
    Check the roles and print the findings. Returns 0 if there are no problems, warnings or not, else 1.

    Without roles all are checked, except for the bridge where no queue is named.
    """
    from streams.cli.check_table import document, has_problems, summary, table  # noqa: PLC0415 - keeps rich out of --help

    with waiting("looking") as now:
        findings = asyncio.run(_all(roles, now))
    if as_json:
        print_json(document(findings))
    else:
        print_table(table(findings))
        print_line(summary(findings))
    return int(has_problems(findings))


async def _all(roles: tuple[Role, ...], now: Callable[[str], None]) -> list[Finding]:
    left_out = [] if roles or has_queue() else [NO_QUEUE]
    chosen = roles or tuple(role for role in ROLES if role not in {each.role for each in left_out})
    # At the same time: a wait for one that does not answer delays no other.
    found = await asyncio.gather(*(examine(role, now) for role in chosen))
    return [*left_out, *chain(*found)]
