"""What the documents name, taken out of their text: files, tests, links, commands, settings."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings
from typer.main import get_command

from streams.cli import app
from streams.runtime import settings

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
# The first word of a command, also behind variables or after kubectl's "--"; not an argument, such as a namespace.
_COMMAND: Final = re.compile(r"(?:^\s*(?:\$ )?(?:[A-Z_]+=\S* )*|-- |[;|&] )petstream((?: +[^\s;|&#)<>]+)+)")
_CALL: Final = re.compile(r"(?:docker|make|petstream|python) \S")
_FOLDERS: Final = "streams|inference|persistence|migrations|deploy|tests|docs|benchmarks"


def text(name: str) -> str:
    """A document, by its path from the project's root."""
    return (ROOT / name).read_text("utf-8")


def code(document: str) -> Iterator[str]:
    """Each line of a fenced block, with its continuations, and each piece of inline code."""
    for block in _FENCE.findall(document):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _INLINE.findall(_FENCE.sub("", document))


def commands(document: str) -> list[list[str]]:
    """The words after ``petstream`` of each call in code."""
    return [call.split() for line in code(document) for call in _COMMAND.findall(line.partition("# ")[0])]


def calls(document: str) -> set[str]:
    """Whole command lines: behind a prompt in a fenced block, or inline. Without comments; a mere name is none."""
    prompted = {line[2:].partition(" #")[0].strip() for line in code(document) if line.startswith("$ ")}
    return prompted | {piece for piece in _INLINE.findall(_FENCE.sub("", document)) if _CALL.match(piece)}


def unknown_words(words: list[str]) -> list[str]:
    """Of a call of petstream: subcommands and options that there are not."""
    command = _petstream()
    wrong: list[str] = []
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            if word not in command.commands:
                return [*wrong, word]
            command = command.commands[word]
        elif word.startswith("--"):
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            wrong += [] if word.partition("=")[0] in known else [word]
    return wrong


@functools.cache
def _petstream() -> Any:
    return get_command(app)


def targets(document: str) -> set[str]:
    """The targets of ``make`` that are called in code."""
    return {target for line in code(document) for target in re.findall(r"(?:^|\$ )make ([a-z]+)", line)}


def paths(document: str) -> set[str]:
    """Files of the project that are named, without the names of tests in them."""
    return set(re.findall(rf"`((?:{_FOLDERS})/[\w./-]*\w)(?:::\w+)?`", document))


def tests(document: str) -> set[tuple[str, str]]:
    """Tests that are named as ``file::test``."""
    return set(re.findall(r"`(tests/[\w./-]+\.py)::(\w+)`", document))


def links(document: str) -> set[tuple[str, str]]:
    """Links to other files or to chapters: (file, chapter), either of them perhaps empty."""
    return set(re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)", document))


def anchors(document: str) -> set[str]:
    """The chapters that can be linked to, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def settings_named(document: str) -> set[str]:
    """Inline code that looks like a setting."""
    return set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9])(?:=[^`]*)?`", document))


def known_settings() -> set[str]:
    """Every setting of the code, as it is written in the environment."""
    kinds = [kind for kind in vars(settings).values() if isinstance(kind, type) and issubclass(kind, BaseSettings)]
    return {field.upper() for kind in kinds for field in kind.model_fields}
