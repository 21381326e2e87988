"""Declared outages of shared dependencies. The single source for health, metrics, logs and watchdog."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from streams.runtime import metrics
from streams.runtime.components import Component
from streams.runtime.error_text import error_text

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outage:
    """A dependency is unavailable since a moment; ``error`` is its last error."""

    component: Component
    since: datetime
    error: str


class Outages:
    """The declared outages. Written by the event loop's thread, read by the health server's thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._current: dict[Component, Outage] = {}
        self._listeners: list[Callable[[Component], None]] = []

    def listen(self, listener: Callable[[Component], None]) -> None:
        """Call ``listener`` directly after each begin and end, so that short outages are reported too."""
        self._listeners.append(listener)

    @property
    def current(self) -> tuple[Outage, ...]:
        """The current outages."""
        return tuple(self._current.values())

    def begin(self, component: Component, error: BaseException | str) -> None:
        """Declare that a component is unavailable. Logs only the first call of an outage."""
        detail = error if isinstance(error, str) else error_text(error)
        known = self._current.get(component)
        since = known.since if known else datetime.fromtimestamp(self._clock(), UTC)
        self._current[component] = Outage(component, since, detail[:500])
        if not known:
            metrics.DEGRADED.labels(component).set(1)
            log.warning("outage.begun", component=component, error=detail[:500])
            self._notify(component)

    def end(self, component: Component) -> None:
        """Declare that a component is available again. Logs only if there was an outage."""
        known = self._current.pop(component, None)
        if known:
            metrics.DEGRADED.labels(component).set(0)
            seconds = round(self._clock() - known.since.timestamp(), 3)
            log.info("outage.ended", component=component, seconds=seconds)
            self._notify(component)

    def _notify(self, component: Component) -> None:
        for listener in self._listeners:
            listener(component)
