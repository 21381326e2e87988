"""Expressions that several panels share. ``$__rate_interval`` is Grafana's: four scrapes, at least."""

from typing import Final

from deploy.grafana.panels import Query, Threshold

OBJECTIVE_SECONDS: Final = 5
"""From upload to result for 95 of 100 pictures: the objective. The histogram has an edge there."""

PER_SECOND: Final = "suffix:/s"

OVER_OBJECTIVE: Final[tuple[Threshold, ...]] = ((None, "green"), (OBJECTIVE_SECONDS, "red"))
NONE_IS_WELL: Final[tuple[Threshold, ...]] = ((None, "green"), (1, "red"))
NONE_IS_WELL_WARNING: Final[tuple[Threshold, ...]] = ((None, "green"), (1, "orange"))

CLASSIFIED: Final = "sum(rate(petstream_classifications_total[$__rate_interval]))"
REJECTED: Final = "sum(rate(petstream_rejections_total[$__rate_interval]))"


def quantiles(histogram: str, *percents: int, named: str = "") -> tuple[Query, ...]:
    """Quantiles over all processes of one histogram."""
    rate = f"sum by (le) (rate({histogram}_bucket[$__rate_interval]))"
    return tuple(Query(f"histogram_quantile({p / 100:g}, {rate})", f"{named} p{p}".strip()) for p in percents)


def mean(histogram: str) -> str:
    """The mean over all processes of one histogram."""
    return f"sum(rate({histogram}_sum[$__rate_interval])) / sum(rate({histogram}_count[$__rate_interval]))"


def behind(topics: str) -> str:
    """How old the oldest message of each topic is that was taken and is not yet settled; 0 while there is none."""
    oldest = f'petstream_oldest_event_timestamp_seconds{{topic=~"{topics}"}}'
    return f"(time() - min by (topic) ({oldest} > 0)) or 0 * max by (topic) ({oldest})"


def lag(topics: str) -> str:
    """Messages not yet acknowledged, by topic and partition."""
    return f'sum by (topic, partition) (petstream_kafka_consumer_lag_records{{topic=~"{topics}"}})'
