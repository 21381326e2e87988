"""Which shared dependencies are away, and since when: the one place that health, metrics, log and watchdog agree on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from streams.runtime import metrics
from streams.runtime.components import Component

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outage:
    """A dependency is away since a moment; ``error`` is what it last said."""

    component: Component
    since: datetime
    error: str


class Outages:
    """Remembers the declared outages. Read from the health server's thread, written from the event loop's."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._current: dict[Component, Outage] = {}
        self._listeners: list[Callable[[Component], None]] = []

    def listen(self, listener: Callable[[Component], None]) -> None:
        """Have ``listener`` called at each edge, right after it: no outage is too short to be told of."""
        self._listeners.append(listener)

    @property
    def current(self) -> tuple[Outage, ...]:
        """The outages of this moment."""
        return tuple(self._current.values())

    def begin(self, component: Component, error: BaseException | str) -> None:
        """Declare that a component is away. Logs once, at the edge."""
        said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        known = self._current.get(component)
        since = known.since if known else datetime.fromtimestamp(self._clock(), UTC)
        self._current[component] = Outage(component, since, said[:500])
        if not known:
            metrics.DEGRADED.labels(component).set(1)
            log.warning("outage.begun", component=component, error=said[:500])
            self._tell(component)

    def end(self, component: Component) -> None:
        """Declare that a component is back. Logs once, at the edge."""
        known = self._current.pop(component, None)
        if known:
            metrics.DEGRADED.labels(component).set(0)
            seconds = round(self._clock() - known.since.timestamp(), 3)
            log.info("outage.ended", component=component, seconds=seconds)
            self._tell(component)

    def _tell(self, component: Component) -> None:
        for listener in self._listeners:
            listener(component)
