"""Shared PromQL expressions. ``$__rate_interval`` is Grafana's: at least four scrapes."""

from typing import Final

from deploy.grafana.panels import Query, Threshold

OBJECTIVE_SECONDS: Final = 5
"""The objective: p95 from upload to result. A bucket of the histogram ends there."""

PER_SECOND: Final = "suffix:/s"

OVER_OBJECTIVE: Final[tuple[Threshold, ...]] = ((None, "green"), (OBJECTIVE_SECONDS, "red"))
ALERT_ABOVE_ZERO: Final[tuple[Threshold, ...]] = ((None, "green"), (1, "red"))
WARN_ABOVE_ZERO: Final[tuple[Threshold, ...]] = ((None, "green"), (1, "orange"))

CLASSIFIED: Final = "sum(rate(petstream_classifications_total[$__rate_interval]))"
REJECTED: Final = "sum(rate(petstream_rejections_total[$__rate_interval]))"


def quantiles(histogram: str, *percents: int, named: str = "") -> tuple[Query, ...]:
    """Quantiles of a histogram over all processes."""
    rate = f"sum by (le) (rate({histogram}_bucket[$__rate_interval]))"
    return tuple(Query(f"histogram_quantile({p / 100:g}, {rate})", f"{named} p{p}".strip()) for p in percents)


def mean(histogram: str) -> str:
    """The mean of a histogram over all processes."""
    return f"sum(rate({histogram}_sum[$__rate_interval])) / sum(rate({histogram}_count[$__rate_interval]))"


def behind(topics: str) -> str:
    """The age in seconds of each topic's oldest message that is consumed and not yet settled; 0 if there is none."""
    oldest = f'petstream_oldest_event_timestamp_seconds{{topic=~"{topics}"}}'
    return f"(time() - min by (topic) ({oldest} > 0)) or 0 * max by (topic) ({oldest})"


def lag(topics: str) -> str:
    """Messages not yet acknowledged, by topic and partition."""
    return f'sum by (topic, partition) (petstream_kafka_consumer_lag_records{{topic=~"{topics}"}})'
