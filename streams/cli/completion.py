"""
What the shell offers after Tab. A Tab waits for no package, so what stands in one that is slow to import stands here
again, and a test compares.
"""

from collections.abc import Callable
from importlib import resources
from typing import Final, get_args

from streams.contracts import REASONS, Label, RetryReason

ROLES: Final = ("bridge", "classify", "sink")
PERMISSION_ROLES: Final = (*ROLES, "watch", "board", "reconcile", "operator")
OUTCOMES: Final = (*get_args(Label), "rejected")
ARCHITECTURES: Final = ("efficientnet-lite0", "efficientnet-lite2")
COLUMNS: Final = (
    *("id", "user_name", "image_url", "source_bucket", "source_key", "outcome", "reason", "confidence"),
    *("timestamp", "source_sequencer", "model_rev", "updated_at"),
)

Complete = Callable[[str], list[str]]


def one_of(*words: str) -> Complete:
    """Offers those of the words that go on from what is typed; Typer knows that by the parameter's name."""

    def offered(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return offered


def migrations(incomplete: str) -> list[str]:
    """Offers the ids of the migrations; reads their folder, never a database."""
    names = sorted(entry.name for entry in resources.files("migrations").iterdir())
    ids = [name.removesuffix(".sql") for name in names if name.endswith(".sql") and ".rollback." not in name]
    return [id_ for id_ in ids if id_.startswith(incomplete)]


def columns(incomplete: str) -> list[str]:
    """Offers the next column of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in COLUMNS if name.startswith(last) and name not in before.split(",")]


roles: Final = one_of(*ROLES)
permission_roles: Final = one_of(*PERMISSION_ROLES)
outcomes: Final = one_of(*OUTCOMES)
reasons: Final = one_of(*sorted(REASONS))
retry_reasons: Final = one_of(*sorted(get_args(RetryReason)))
architectures: Final = one_of(*ARCHITECTURES)
