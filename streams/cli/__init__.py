"""The command line: parsing and printing. ``main`` is the console script."""

from streams.cli.petstream import app, main

__all__ = ["app", "main"]
