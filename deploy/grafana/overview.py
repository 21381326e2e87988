"""Dashboard Overview: the health of the pipeline, most important first."""

from typing import Final

from deploy.grafana.panels import Dashboard, Panel, Query, Row
from deploy.grafana.queries import (
    ALERT_ABOVE_ZERO,
    CLASSIFIED,
    OBJECTIVE_SECONDS,
    OVER_OBJECTIVE,
    PER_SECOND,
    REJECTED,
    WARN_ABOVE_ZERO,
    behind,
    lag,
    quantiles,
)

_ALL = "image-uploads|image-classifications|image-rejections"
_BULK = "image-uploads-bulk"
_RETRIES = "image-uploads-retry-.+"

_HEALTH = Row(
    "Health",
    (
        Panel(
            "Processes up",
            "Scraped processes that are up. Fewer than four: alerts PetstreamDown, PetstreamReconcileOverdue.",
            "short",
            (Query('sum(up{job=~"petstream-.+"})', "up"),),
            kind="stat",
            width=3,
            height=4,
            thresholds=((None, "red"), (4, "green")),
        ),
        Panel(
            "Not live",
            "Processes whose /health/live fails: a restart would help. Alert PetstreamNotLive.",
            "short",
            (Query("count(petstream_live == 0) or vector(0)", "not live"),),
            kind="stat",
            width=3,
            height=4,
            thresholds=ALERT_ABOVE_ZERO,
        ),
        Panel(
            "Outages",
            "Dependencies that fail for everybody and are retried. Nothing is lost; see below for which.",
            "short",
            (Query("sum(max by (component) (petstream_degraded))", "away"),),
            kind="stat",
            width=3,
            height=4,
            thresholds=WARN_ABOVE_ZERO,
        ),
        Panel(
            "Waiting in Kafka",
            "Uploads and results not yet acknowledged, without parked and bulk ones. A peak that shrinks is normal.",
            "short",
            (Query(f"sum({lag(_ALL)})", "waiting"),),
            kind="stat",
            width=3,
            height=4,
            thresholds=((None, "green"), (1000, "orange"), (10000, "red")),
        ),
        Panel(
            "Last upload",
            "Time since the newest consumed upload reached Kafka. Hours may be normal at night.",
            "s",
            (Query('time() - max(petstream_last_event_timestamp_seconds{topic="image-uploads"} > 0)', "ago"),),
            kind="stat",
            width=4,
            height=4,
            decimals=0,
            thresholds=((None, "green"), (21600, "orange")),
        ),
        Panel(
            "Upload to result, p95",
            f"p95 of the time from upload to result. The objective is {OBJECTIVE_SECONDS} s.",
            "s",
            quantiles("petstream_result_latency_seconds", 95),
            kind="stat",
            width=4,
            height=4,
            thresholds=OVER_OBJECTIVE,
        ),
        Panel(
            "Within the objective",
            f"Share of the pictures whose result came within {OBJECTIVE_SECONDS} s of the upload.",
            "percentunit",
            (
                Query(
                    f'sum(rate(petstream_result_latency_seconds_bucket{{le="{OBJECTIVE_SECONDS}.0"}}[$__rate_interval]))'
                    " / sum(rate(petstream_result_latency_seconds_count[$__rate_interval]))",
                    "share",
                ),
            ),
            kind="stat",
            width=4,
            height=4,
            decimals=1,
            thresholds=((None, "red"), (0.95, "green")),
        ),
    ),
)

_FLOW = Row(
    "Throughput and latency",
    (
        Panel(
            "Pictures per second",
            "Messages consumed, outcomes confirmed by Kafka, rows written. Normally the lines coincide.",
            PER_SECOND,
            (
                Query(
                    'sum(rate(petstream_events_consumed_total{topic="image-uploads"}[$__rate_interval]))', "consumed"
                ),
                Query(f"{CLASSIFIED} + {REJECTED}", "decided"),
                Query("sum(rate(petstream_sink_rows_total[$__rate_interval]))", "stored"),
            ),
        ),
        Panel(
            "Upload to result",
            f"From the upload's time to the confirmed result. Dashed: the objective for p95, {OBJECTIVE_SECONDS} s.",
            "s",
            quantiles("petstream_result_latency_seconds", 50, 95, 99),
            thresholds=OVER_OBJECTIVE,
        ),
        Panel(
            "Upload to row",
            "From the upload's time to the committed row. Grows during an outage of the database.",
            "s",
            quantiles("petstream_stored_latency_seconds", 50, 95, 99),
        ),
    ),
)

_OUTCOMES = Row(
    "Outcomes",
    (
        Panel(
            "Outcomes",
            "Pictures by outcome. Every upload has exactly one.",
            PER_SECOND,
            (
                Query("sum by (label) (rate(petstream_classifications_total[$__rate_interval]))", "{{label}}"),
                Query(REJECTED, "rejected"),
            ),
            stacked=True,
        ),
        Panel(
            "Rejections by reason",
            "Rejected pictures. Many at once with one reason: a client or a permission changed.",
            PER_SECOND,
            (Query("sum by (reason) (rate(petstream_rejections_total[$__rate_interval]))", "{{reason}}"),),
            stacked=True,
        ),
        Panel(
            "Share rejected",
            "Of all outcomes; every reason but not_a_pet is a fault. Alert PetstreamRejectRatioHigh.",
            "percentunit",
            (
                Query(f"{REJECTED} / ({CLASSIFIED} + {REJECTED})", "all reasons"),
                Query(
                    'sum(rate(petstream_rejections_total{reason!="not_a_pet"}[$__rate_interval]))'
                    f" / ({CLASSIFIED} + {REJECTED})",
                    "faults",
                ),
            ),
            maximum=1,
            thresholds=((None, "green"), (0.2, "red")),
        ),
    ),
)

_BULK_WORK = Row(
    "Bulk: enqueued by backfill, reconcile and replays",
    (
        Panel(
            "Waiting on the bulk topic",
            "Consumed while live uploads leave capacity, so it falls slowly during uploads.",
            "short",
            (Query(f"sum({lag(_BULK)})", "waiting"),),
        ),
        Panel(
            "Bulk and live per second",
            "Messages that the classifiers consume from each topic.",
            PER_SECOND,
            (
                Query(f'sum(rate(petstream_events_consumed_total{{topic="{_BULK}"}}[$__rate_interval]))', "bulk"),
                Query('sum(rate(petstream_events_consumed_total{topic="image-uploads"}[$__rate_interval]))', "live"),
            ),
        ),
        Panel(
            "Bulk behind by",
            "The age of the oldest unsettled bulk message. Kafka keeps them 14 days. Alert PetstreamBulkWaiting.",
            "s",
            (Query(behind(_BULK), "{{topic}}"),),
        ),
    ),
)

_PARKED = Row(
    "Waiting for another attempt",
    (
        Panel(
            "Parked by topic and reason",
            "Uploads without an outcome yet, which are tried again later. Alert PetstreamUploadsWaiting.",
            PER_SECOND,
            (
                Query(
                    "sum by (topic, reason) (rate(petstream_uploads_parked_total[$__rate_interval]))",
                    "{{topic}} {{reason}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Waiting on retry topics",
            "Parked uploads before their next attempt. Falls to 0 within RETRY_MAX_HOURS.",
            "short",
            (Query(f"sum by (topic) ({lag(_RETRIES)})", "{{topic}}"),),
            stacked=True,
        ),
        Panel(
            "Waiting since",
            "Time since the first failure of the upload at the head of each retry topic; 0 while none waits.",
            "s",
            (
                Query(
                    "(time() - min by (topic) (petstream_oldest_parked_timestamp_seconds > 0))"
                    " or 0 * max by (topic) (petstream_oldest_parked_timestamp_seconds)",
                    "{{topic}}",
                ),
            ),
        ),
    ),
)

_RECONCILED = Row(
    "Bucket and tables",
    (
        Panel(
            "Objects without outcome",
            "Found and enqueued by the last comparison; 0 after the next. Alert PetstreamObjectsWithoutOutcome.",
            "short",
            (Query("sum by (bucket, verdict) (petstream_objects_without_outcome)", "{{bucket}} {{verdict}}"),),
            stepped=True,
            decimals=0,
        ),
        Panel(
            "Age of the last comparison",
            "Since the last completed run of petstream reconcile. Above two periods: alert PetstreamReconcileOverdue.",
            "s",
            (
                Query(
                    "time() - max by (bucket, prefix) (petstream_reconcile_last_run_timestamp_seconds)",
                    "{{bucket}}/{{prefix}}",
                ),
            ),
        ),
        Panel(
            "Comparisons",
            "Runs in the last day, by outcome. A failed run is retried within five minutes.",
            "short",
            (Query("sum by (outcome) (increase(petstream_reconcile_runs_total[1d]))", "{{outcome}}"),),
            stepped=True,
        ),
    ),
)

_KAFKA = Row(
    "Kafka, queue and dependencies",
    (
        Panel(
            "Lag by partition",
            "Messages not yet acknowledged. One partition that stays high alone: see alert PetstreamStalled.",
            "short",
            (Query(lag(_ALL), "{{topic}} {{partition}}"),),
        ),
        Panel(
            "Behind by",
            "The age of the oldest message that is not yet settled. Kafka keeps uploads for 7 days, results for 14.",
            "s",
            (Query(behind(_ALL), "{{topic}}"),),
        ),
        Panel(
            "Outages",
            "1 while a shared dependency, or a part of petstream, fails for everybody and is retried.",
            "short",
            (Query("max by (component) (petstream_degraded)", "{{component}}"),),
            stepped=True,
            decimals=0,
            maximum=1,
        ),
        Panel(
            "Queue messages per second",
            "SQS messages by outcome. Failed ones stay in the queue, for its redrive policy.",
            PER_SECOND,
            (Query("sum by (outcome) (rate(petstream_queue_messages_total[$__rate_interval]))", "{{outcome}}"),),
        ),
        Panel(
            "In flight",
            "Messages consumed and not yet settled, by process. At the bound for long: the process is the bottleneck.",
            "short",
            (Query("sum by (job) (petstream_events_in_flight)", "{{job}}"),),
        ),
        Panel(
            "Event loop lag",
            "Delay of each process's event loop. Above 30 s the process is not live.",
            "s",
            (Query("max by (job) (petstream_event_loop_lag_seconds)", "{{job}}"),),
        ),
    ),
)

OVERVIEW: Final = Dashboard(
    "petstream-overview",
    "petstream / Overview",
    "Health, throughput, latency against the objective, outcomes, lag, dependencies.",
    (_HEALTH, _FLOW, _OUTCOMES, _BULK_WORK, _PARKED, _RECONCILED, _KAFKA),
)
