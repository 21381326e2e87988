"""Dashboard Storage: the sink, its latency and throughput, and the rows that PostgreSQL refused."""

from typing import Final

from deploy.grafana.panels import Dashboard, Panel, Query, Row
from deploy.grafana.queries import ALERT_ABOVE_ZERO, PER_SECOND, WARN_ABOVE_ZERO, behind, lag, mean, quantiles

_RESULTS = "image-(classifications|rejections)"
_ROWS = "sum(rate(petstream_sink_rows_total[$__rate_interval]))"

_HEALTH = Row(
    "Health",
    (
        Panel(
            "Database",
            "Whether the sink can write. During an outage results wait in Kafka, for up to 14 days.",
            "short",
            (Query('max(petstream_degraded{component="database"})', "database"),),
            kind="stat",
            width=4,
            height=4,
            thresholds=WARN_ABOVE_ZERO,
            values=((0, "ok"), (1, "outage")),
        ),
        Panel(
            "Results waiting",
            "Messages on the result topics without a row yet.",
            "short",
            (Query(f'sum(petstream_kafka_consumer_lag_records{{topic=~"{_RESULTS}"}})', "waiting"),),
            kind="stat",
            width=4,
            height=4,
            thresholds=((None, "green"), (1000, "orange"), (10000, "red")),
        ),
        Panel(
            "Behind by",
            "The age of the oldest result without a row. It must stay below Kafka's 14 days.",
            "s",
            (Query(f"max({behind(_RESULTS)})", "behind"),),
            kind="stat",
            width=4,
            height=4,
            decimals=0,
            thresholds=((None, "green"), (300, "orange"), (604800, "red")),
        ),
        Panel(
            "Dead letters",
            "Rows that PostgreSQL refused permanently, since the processes started. Alert PetstreamDeadLettersGrowing.",
            "short",
            (Query("sum(petstream_storage_dead_letters_total)", "refused"),),
            kind="stat",
            width=4,
            height=4,
            thresholds=ALERT_ABOVE_ZERO,
        ),
        Panel(
            "Rows per second",
            "Rows in committed batches, including stale ones.",
            PER_SECOND,
            (Query(_ROWS, "rows"),),
            kind="stat",
            width=4,
            height=4,
            decimals=1,
        ),
        Panel(
            "Upload to row, p95",
            "p95 of the time from upload to row.",
            "s",
            quantiles("petstream_stored_latency_seconds", 95),
            kind="stat",
            width=4,
            height=4,
            thresholds=((None, "green"), (10, "orange"), (300, "red")),
        ),
    ),
)

_WRITING = Row(
    "Writing",
    (
        Panel(
            "Rows by outcome",
            "inserted: new objects. updated: newer versions. stale: replays and late events, which change nothing.",
            PER_SECOND,
            (Query("sum by (outcome) (rate(petstream_sink_rows_total[$__rate_interval]))", "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Upsert",
            "One batch of rows, retries included; so an outage shows as its length.",
            "s",
            quantiles("petstream_upsert_duration_seconds", 50, 95, 99),
        ),
        Panel(
            "Upload to row",
            "From the upload's time to the committed row.",
            "s",
            quantiles("petstream_stored_latency_seconds", 50, 95, 99),
        ),
        Panel(
            "Rows in a batch",
            "Mean batch size. Near SINK_BATCH_MAX_ROWS: the sink is catching up.",
            "short",
            (Query(f"{_ROWS} / sum(rate(petstream_upsert_duration_seconds_count[$__rate_interval]))", "rows"),),
        ),
        Panel(
            "Mean upsert time per row",
            "Mean time in PostgreSQL per row.",
            "s",
            (
                Query(
                    f"({mean('petstream_upsert_duration_seconds')})"
                    f" / ({_ROWS} / sum(rate(petstream_upsert_duration_seconds_count[$__rate_interval])))",
                    "row",
                ),
            ),
        ),
        Panel(
            "Dead letters",
            "Refused rows in the last ten minutes; each is an event on topic storage-dead-letters with its reason.",
            "short",
            (Query("sum(increase(petstream_storage_dead_letters_total[10m]))", "refused"),),
            stepped=True,
        ),
    ),
)

_WAITING = Row(
    "Waiting and retrying",
    (
        Panel(
            "Lag of the result topics",
            "Messages without a row yet, by partition.",
            "short",
            (Query(lag(_RESULTS), "{{topic}} {{partition}}"),),
            width=6,
        ),
        Panel(
            "Database outage",
            "1 while the database is unavailable and retried. Alert PetstreamStorageUnavailable after two minutes.",
            "short",
            (Query('max by (job) (petstream_degraded{component="database"})', "{{job}}"),),
            width=6,
            stepped=True,
            decimals=0,
            maximum=1,
        ),
        Panel(
            "Retries",
            "Failed attempts at a shared dependency, by component.",
            PER_SECOND,
            (Query("sum by (component) (rate(petstream_retries_total[$__rate_interval]))", "{{component}}"),),
            width=6,
        ),
        Panel(
            "Connections",
            "Connections of the sinks' pools. All in use for long: PostgreSQL is slow; a larger pool does not help.",
            "short",
            (
                Query('sum by (state) (petstream_db_pool_connections{job="petstream-sink"})', "{{state}}"),
                Query('sum(petstream_db_pool_connections_max{job="petstream-sink"})', "max"),
            ),
            width=6,
            stepped=True,
            decimals=0,
        ),
    ),
)

STORAGE: Final = Dashboard(
    "petstream-storage",
    "petstream / Storage",
    "The sink: rows, dead letters, upload to row, the database and its connections.",
    (_HEALTH, _WRITING, _WAITING),
)
