"""Which of the engines' libraries are installed. Imports none of them."""

import importlib.util

from inference.errors import MissingExtra


def is_installed(library: str) -> bool:
    """Whether a library can be imported; it is not imported."""
    return importlib.util.find_spec(library) is not None


def require_torch(what: str) -> None:
    """
    Check that torch is installed, which ``what`` needs.

    Raises:
        MissingExtra: it is not; the sentence begins with ``what``.
    """
    if not is_installed("torch"):
        raise MissingExtra(f"{what} needs torch", "torch")
