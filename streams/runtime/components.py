"""The parts that all pictures share, as health, metrics, alerts and log name them. Pure."""

from typing import Final, Literal, get_args

Component = Literal["kafka", "object_store", "database", "queue", "inference", "classifier", "reconcile"]
"""``inference`` is the decoder; ``classifier`` is petstream itself, failing on every message (see circuit.py).
``reconcile``: no comparison of bucket and tables comes to its end."""

COMPONENTS: Final[tuple[Component, ...]] = get_args(Component)
