"""Names of the components that all pictures share, for health, metrics, alerts and logs. Pure."""

from typing import Final, Literal, get_args

Component = Literal["kafka", "object_store", "database", "queue", "inference", "classifier", "reconcile"]
"""``inference`` is the decoder. ``classifier`` is petstream itself when it fails on every message (see circuit.py).
``reconcile`` means that no comparison of bucket and tables completes."""

COMPONENTS: Final[tuple[Component, ...]] = get_args(Component)
