"""Shell completion. It must not import slow packages, so this module repeats their values; a test compares them."""

from collections.abc import Callable
from importlib import resources
from typing import Final, get_args

from streams.contracts import REASONS, Label, RetryReason

ROLES: Final = ("bridge", "classify", "sink")
PERMISSION_ROLES: Final = (*ROLES, "watch", "board", "reconcile", "operator")
OUTCOMES: Final = (*get_args(Label), "rejected")
ARCHITECTURES: Final = ("efficientnet-lite0", "efficientnet-lite2")
COMPOSITIONS: Final = ("cascade", *ARCHITECTURES)
ARITHMETICS: Final = ("float32", "bfloat16", "int8")
COLUMNS: Final = (
    *("id", "user_name", "image_url", "source_bucket", "source_key", "outcome", "reason", "confidence"),
    *("timestamp", "source_sequencer", "model_rev", "updated_at"),
)

Complete = Callable[[str], list[str]]


def one_of(*words: str) -> Complete:
    """Completes to the words with the typed prefix. Typer requires the parameter name ``incomplete``."""

    def offered(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return offered


def migrations(incomplete: str) -> list[str]:
    """Completes the ids of the migrations, from their folder and not from a database."""
    names = sorted(entry.name for entry in resources.files("migrations").iterdir())
    ids = [name.removesuffix(".sql") for name in names if name.endswith(".sql") and ".rollback." not in name]
    return [id_ for id_ in ids if id_.startswith(incomplete)]


def columns(incomplete: str) -> list[str]:
    """Completes the last column of a comma-separated list."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in COLUMNS if name.startswith(last) and name not in before.split(",")]


roles: Final = one_of(*ROLES)
permission_roles: Final = one_of(*PERMISSION_ROLES)
outcomes: Final = one_of(*OUTCOMES)
reasons: Final = one_of(*sorted(REASONS))
retry_reasons: Final = one_of(*sorted(get_args(RetryReason)))
architectures: Final = one_of(*ARCHITECTURES)
compositions: Final = one_of(*COMPOSITIONS)
arithmetics: Final = one_of(*ARITHMETICS)
