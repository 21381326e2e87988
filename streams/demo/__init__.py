"""``petstream demo``: runs the whole pipeline locally on real services and prints each picture's result."""

from streams.demo.demo import run

__all__ = ["run"]
