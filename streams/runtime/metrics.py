"""
All metrics of petstream. The lower packages return values; streams observes them here.

Metrics use base units and closed label sets, and every labelled series starts at zero. Keys, users and exception texts
are never labels.
"""

from typing import Final, get_args

from prometheus_client import Counter, Gauge, Histogram, Info

from streams.contracts import REASONS, Label, Model, RetryReason
from streams.contracts.topics import READ_BY, RETRY_TOPICS
from streams.notifications.event_names import SKIP_KINDS
from streams.runtime.components import COMPONENTS

# The upper buckets cover waits for an unavailable dependency or in a backlog.
_FAST: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
# 5 s is the objective. 3600 is finite, so that the replay of a backlog is still measured.
_END_TO_END: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800, 3600)

WITHOUT_OUTCOME_VERDICTS: Final = ("missing", "outdated")
CONSUMED_TOPICS: Final = tuple(topic for topics in READ_BY.values() for topic in topics)

EVENTS_CONSUMED: Final = Counter("petstream_events_consumed", "Messages taken from a topic.", ["topic"])
EVENTS_SKIPPED: Final = Counter(
    "petstream_events_skipped",
    "Notifications, or records of them, that name no new object, by what they are.",
    ["kind"],
)
QUEUE_MESSAGES: Final = Counter(
    "petstream_queue_messages", "Messages taken from the queue, by what became of them.", ["outcome"]
)
CLASSIFICATIONS: Final = Counter(
    "petstream_classifications", "Pictures that got a label, once confirmed by Kafka.", ["label"]
)
REJECTIONS: Final = Counter("petstream_rejections", "Pictures that got none, once confirmed by Kafka.", ["reason"])
PARKED: Final = Counter(
    "petstream_uploads_parked", "Uploads that wait for another attempt, once confirmed by Kafka.", ["topic", "reason"]
)
UNFORESEEN: Final = Counter(
    "petstream_unforeseen_errors", "Exceptions that nobody foresaw; each parked its upload and is in the log."
)
OLDEST_PARKED: Final = Gauge(
    "petstream_oldest_parked_timestamp_seconds",
    "When the upload at the head of a retry topic's assigned partition first failed; 0 while nothing waits there.",
    ["topic", "partition"],
)
DEAD_LETTERS: Final = Counter("petstream_storage_dead_letters", "Rows that PostgreSQL refused for good.")
SINK_ROWS: Final = Counter("petstream_sink_rows", "Rows sent to PostgreSQL, by what it did with them.", ["outcome"])
RETRIES: Final = Counter("petstream_retries", "Failed attempts at a shared dependency.", ["component"])

BATCH_SIZE: Final = Histogram(
    "petstream_batch_size_images", "Pictures in one forward pass.", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
BATCH_WAIT: Final = Histogram(
    "petstream_batch_queue_wait_seconds", "From decoded to the start of the forward pass.", buckets=_FAST
)
FETCH: Final = Histogram("petstream_fetch_duration_seconds", "One object from the store.", buckets=_FAST)
DECODE: Final = Histogram(
    "petstream_decode_duration_seconds", "One picture, waiting for a decoder included.", buckets=_FAST
)
DEFERRED: Final = Counter(
    "petstream_deferred_images",
    "Pictures that a cascade's small network left to the large one; engines of torch do not tell.",
)
INFERENCE: Final = Histogram("petstream_inference_duration_seconds", "One forward pass.", buckets=_FAST)
RESULT_LATENCY: Final = Histogram(
    "petstream_result_latency_seconds",
    "From upload to the confirmed result; not of what petstream enqueued itself.",
    buckets=_END_TO_END,
)
STORED_LATENCY: Final = Histogram(
    "petstream_stored_latency_seconds", "From upload to the committed row.", buckets=_END_TO_END
)
UPSERT: Final = Histogram("petstream_upsert_duration_seconds", "One batch of rows, retries included.", buckets=_FAST)

IN_FLIGHT: Final = Gauge("petstream_events_in_flight", "Messages taken and not yet settled.")
IN_FLIGHT_BYTES: Final = Gauge(
    "petstream_in_flight_bytes", "Bytes of pictures being read and decoded, as the responses of the store state them."
)
DECODERS_REPLACED: Final = Gauge(
    "petstream_decoders_replaced",
    "Decoding processes that died, hung or lost the device, and were replaced, since this model serves.",
)
LAG: Final = Gauge(
    "petstream_kafka_consumer_lag_records",
    "Messages of an assigned partition that are not yet acknowledged.",
    ["topic", "partition"],
)
RECORDS_LOST: Final = Counter(
    "petstream_kafka_records_lost",
    "Offsets of a topic that Kafka deleted before they were read: its retention is shorter than the backlog.",
    ["topic"],
)
LAST_EVENT: Final = Gauge(
    "petstream_last_event_timestamp_seconds",
    "When Kafka got the newest message that was taken of a topic; 0 until there is one.",
    ["topic"],
)
OLDEST_EVENT: Final = Gauge(
    "petstream_oldest_event_timestamp_seconds",
    "When Kafka got the oldest message that was taken of a topic and is not yet settled; 0 while there is none.",
    ["topic"],
)
LOOP_TASKS: Final = Gauge("petstream_event_loop_tasks", "Tasks of the event loop, looked at each second.")
DEGRADED: Final = Gauge("petstream_degraded", "1 while a shared dependency is away and being retried.", ["component"])
LIVE: Final = Gauge("petstream_live", "1 while a restart would not help, as /health/live says.")
READY: Final = Gauge("petstream_ready", "1 once loaded, warm and joined, as /health/ready says.")
LOOP_LAG: Final = Gauge(
    "petstream_event_loop_lag_seconds", "How late the event loop's heartbeat is; grows while the loop is stuck."
)
POOL: Final = Gauge("petstream_db_pool_connections", "Open connections to PostgreSQL.", ["state"])
POOL_MAX: Final = Gauge("petstream_db_pool_connections_max", "Connections that the pool may open.")
WITHOUT_OUTCOME: Final = Gauge(
    "petstream_objects_without_outcome",
    "Objects that the last run found without an outcome of their version, and that waited nowhere. It enqueued them.",
    ["bucket", "prefix", "verdict"],
)
WITHOUT_OUTCOME_SINCE: Final = Gauge(
    "petstream_objects_without_outcome_since_timestamp_seconds",
    "Start of the first of the runs in a row that found some; 0 where the last one found none.",
    ["bucket", "prefix"],
)
RECONCILE_RUNS: Final = Counter(
    "petstream_reconcile_runs", "Comparisons of bucket and tables, by their end.", ["outcome"]
)
RECONCILE_LAST_RUN: Final = Gauge(
    "petstream_reconcile_last_run_timestamp_seconds",
    "End of the last run that succeeded; absent until there is one since the process started.",
    ["bucket", "prefix"],
)
RECONCILE_PERIOD: Final = Gauge(
    "petstream_reconcile_period_seconds", "From the start of a run to that of the next one.", ["bucket", "prefix"]
)
MODEL: Final = Info("petstream_model", "The model that decides.")
MODEL_SWAPS: Final = Counter(
    "petstream_model_swaps",
    "Looks at MODEL_URI that found a new file, or none at all, by what became of them.",
    ["outcome"],
)
SHADOW: Final = Counter("petstream_shadow_images", "Pictures that the shadow model saw, by its agreement.", ["outcome"])
SHADOW_DIFFERENCE: Final = Histogram(
    "petstream_shadow_score_difference_ratio",
    "Largest difference of a score between the shadow and the model that decides.",
    buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
)

for _topic in CONSUMED_TOPICS:
    EVENTS_CONSUMED.labels(_topic)
    LAST_EVENT.labels(_topic)
    OLDEST_EVENT.labels(_topic)
    RECORDS_LOST.labels(_topic)
for _kind in SKIP_KINDS:
    EVENTS_SKIPPED.labels(_kind)
for _outcome in ("published", "skipped", "failed"):
    QUEUE_MESSAGES.labels(_outcome)
for _outcome in ("swapped", "refused", "unseen"):
    MODEL_SWAPS.labels(_outcome)
for _outcome in ("agree", "disagree", "skipped", "failed"):
    SHADOW.labels(_outcome)
for _label in get_args(Label):
    CLASSIFICATIONS.labels(_label)
for _reason in REASONS:
    REJECTIONS.labels(_reason)
for _topic in RETRY_TOPICS:
    for _why in get_args(RetryReason):
        PARKED.labels(_topic, _why)
for _outcome in ("inserted", "updated", "stale"):
    SINK_ROWS.labels(_outcome)
for _outcome in ("succeeded", "failed"):
    RECONCILE_RUNS.labels(_outcome)
for _state in ("in_use", "idle"):
    POOL.labels(_state)
for _component in COMPONENTS:
    RETRIES.labels(_component)
    DEGRADED.labels(_component).set(0)


def show_model(model: Model) -> None:
    """Publish the model in use."""
    MODEL.info({"name": model.name, "version": model.version, "rev": str(model.rev), "sha256": model.sha256})
