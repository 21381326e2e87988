"""How ``--help`` shows the commands: groups, order, whole paragraphs. Also how a wrong value is refused."""

import inspect
from typing import Any, Final

import typer
from typer.core import TyperGroup

PANELS: Final = {
    "Start here": ("demo", "check"),
    "Run the pipeline": ("bridge", "classify", "sink", "reconcile", "board"),
    "See results": ("watch", "records", "health"),
    "Retry and replay": ("rejections", "retries", "storage-dead-letters", "backfill"),
    "Set up": ("attach", "detach", "topics", "migrate", "model", "database"),
}
"""The groups of commands, in the order of ``petstream --help``."""

_KEPT: Final = "[bold]"
"""A line that begins so stays a line of its own, as in a list."""


class GroupedCommands(TyperGroup):
    """The commands of ``petstream`` under the headings of PANELS."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for panel, names in PANELS.items():
            for name in names:
                if name in self.commands:
                    vars(self.commands[name])["rich_help_panel"] = panel

    def list_commands(self, ctx: Any) -> list[str]:
        """The names in the order of PANELS; a name that is in none comes last."""
        order = [name for names in PANELS.values() for name in names]
        return sorted(super().list_commands(ctx), key=lambda name: order.index(name) if name in order else len(order))

    def invoke(self, ctx: Any) -> Any:
        """Run a command. A value that does not fit its option is refused in our words, not in pydantic's."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from pydantic import ValidationError  # noqa: PLC0415 - keeps --help fast

            from streams.runtime.setting_mistakes import mistake_text  # noqa: PLC0415 - it imports pydantic

            if isinstance(error.__cause__, ValidationError):
                error.message = mistake_text(error.__cause__.errors()[0])
            raise


def join_lines(app: typer.Typer) -> None:
    """
    Join the lines of each paragraph in the help of all commands.

    Typer keeps the line breaks of a docstring after its first paragraph, and the terminal breaks the lines again.
    """
    for command in app.registered_commands:
        command.help = joined(inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            join_lines(group.typer_instance)


def joined(text: str) -> str:
    """The text with one line for each paragraph."""
    return "\n\n".join(_joined(paragraph) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _joined(paragraph: str) -> str:
    lines: list[str] = []
    for line in map(str.strip, paragraph.splitlines()):
        if lines and not line.startswith(_KEPT):
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    return "\n".join(lines)
