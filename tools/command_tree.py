"""The commands of ``petstream`` as values, parsed from their help. For docs/commands.md and the tests."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final

from typer.main import get_command

from streams.cli import app

_MARKUP: Final = re.compile(r"\[/?(?:bold)?\]")
_EXAMPLE: Final = re.compile(r"Example:\s*\[bold\](.+?)\[/\]\.?", re.DOTALL)

SUMMARY_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option: its spelling, type, default and meaning."""

    written: tuple[str, ...]
    is_argument: bool
    kind: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Command:
    """One command; ``path`` has the words after petstream, ``parsed`` is Typer's command."""

    path: tuple[str, ...]
    parsed: Any

    @property
    def name(self) -> str:
        """The command as typed, without arguments."""
        return " ".join(("petstream", *self.path))

    @property
    def is_group(self) -> bool:
        """Whether it is a group of commands."""
        return hasattr(self.parsed, "commands")

    def is_below(self, other: "Command") -> bool:
        """Whether it is one of the commands of that group."""
        return self.path != other.path and self.path[: len(other.path)] == other.path

    @cached_property
    def context(self) -> Any:
        """The context that Typer needs to describe a parameter."""
        return self.parsed.context_class(self.parsed, info_name=self.name)

    @property
    def paragraphs(self) -> list[str]:
        """The help without examples and markup, by paragraph."""
        text = _plain(_EXAMPLE.sub("", self.parsed.help or ""))
        return [paragraph.strip() for paragraph in text.split("\n\n") if paragraph.strip()]

    @property
    def summary(self) -> str:
        """The first sentence of the help, as a list of commands has it."""
        return _plain(self.parsed.get_short_help_str(SUMMARY_CHARS))

    @property
    def examples(self) -> list[str]:
        """The examples in the help."""
        return [" ".join(found.split()) for found in _EXAMPLE.findall(self.parsed.help or "")]

    @property
    def parameters(self) -> list[Parameter]:
        """Arguments and options in order, without --help."""
        return [self._parameter(each) for each in self.parsed.params]

    @property
    def options(self) -> set[str]:
        """All spellings of its options."""
        return {word for each in self.parsed.params for word in (*each.opts, *each.secondary_opts)} | {"--help"}

    def _parameter(self, parameter: Any) -> Parameter:
        is_argument = parameter.param_type_name == "argument"
        flag = bool(getattr(parameter, "is_flag", False))
        name = parameter.metavar or parameter.opts[0].upper()
        return Parameter(
            written=(name,) if is_argument else tuple(parameter.opts),
            is_argument=is_argument,
            kind="" if flag else _kind(parameter, self.context),
            default="" if flag else _default(parameter),
            meaning=(parameter.help or "").strip(),
        )


def every_command() -> Iterator[Command]:
    """All commands, sorted by name, groups before their commands."""
    yield from _below((), get_command(app))


def _below(path: tuple[str, ...], parsed: Any) -> Iterator[Command]:
    yield Command(path, parsed)
    for name, inner in sorted(getattr(parsed, "commands", {}).items()):
        yield from _below((*path, name), inner)


def _plain(text: str) -> str:
    """What a terminal shows of text with rich's markup."""
    return _MARKUP.sub("", text).replace(r"\[", "[")


def _kind(parameter: Any, context: Any) -> str:
    kind = parameter.display_type(context).strip("<>")
    several = kind.startswith("list[")
    kind = kind.removeprefix("list[").removesuffix("]").removesuffix(" range")
    words = {"str": "text", "int": "whole number", "float": "number", "path": "path"}.get(kind, kind.replace("|", ", "))
    bounds = parameter.type_descriptor.parameter_info
    limits = [f"{sign} {bound}" for sign, bound in (("≥", bounds.min), ("≤", bounds.max)) if bound is not None]
    return ", ".join([words, *limits, *(["may be repeated"] if several else [])])


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value == "":
        return ""
    return str(value.value if isinstance(value, Enum) else value)
