"""How many batches an engine for CPUs runs at a time."""

from typing import Final

LANES: Final = 2
"""While the last pictures of one batch occupy some of the threads, the first of the next occupy the others."""
