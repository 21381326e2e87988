"""How many batches an engine for CPUs runs at a time."""

from typing import Final

LANES: Final = 2
"""The first pictures of one batch use the threads that the last pictures of another leave idle."""
