"""Dashboard Inference: the model in service, and the time of each step in the classifier."""

from typing import Final

from deploy.grafana.panels import Dashboard, Panel, Query, Row
from deploy.grafana.queries import ALERT_ABOVE_ZERO, PER_SECOND, mean, quantiles

_COMPARED = 'petstream_shadow_images_total{outcome=~"agree|disagree"}'

_MODEL = Row(
    "Model",
    (
        Panel(
            "Model in service",
            "The model of each classifier. Two names for a long time: a rollout is stuck.",
            "short",
            (
                Query(
                    'count by (name, version, rev) (petstream_model_info{sha256!=""})',
                    "{{name}} {{version}} rev {{rev}}",
                ),
            ),
            kind="stat",
            width=10,
            height=4,
            shows="name",
        ),
        Panel(
            "Models swapped",
            "New files at MODEL_URI that were put into service since the processes started.",
            "short",
            (Query('sum(petstream_model_swaps_total{outcome="swapped"})', "swapped"),),
            kind="stat",
            width=3,
            height=4,
        ),
        Panel(
            "Models refused",
            "New files that failed their checks; the old model stays in service. Alert PetstreamModelRefused.",
            "short",
            (Query('sum(petstream_model_swaps_total{outcome="refused"})', "refused"),),
            kind="stat",
            width=3,
            height=4,
            thresholds=ALERT_ABOVE_ZERO,
        ),
        Panel(
            "Shadow agreement",
            "Share of pictures with the same label from the shadow model; empty without MODEL_SHADOW_URI.",
            "percentunit",
            (
                Query(
                    'sum(rate(petstream_shadow_images_total{outcome="agree"}[$__rate_interval]))'
                    f" / sum(rate({_COMPARED}[$__rate_interval]))",
                    "agreement",
                ),
            ),
            kind="stat",
            width=4,
            height=4,
            decimals=2,
            thresholds=((None, "red"), (0.95, "orange"), (0.99, "green")),
        ),
        Panel(
            "Pictures per second",
            "Pictures through the forward pass, of all classifiers.",
            PER_SECOND,
            (Query("sum(rate(petstream_batch_size_images_sum[$__rate_interval]))", "pictures"),),
            kind="stat",
            width=4,
            height=4,
            decimals=1,
        ),
    ),
)

_TIME = Row(
    "Where the time goes",
    (
        Panel(
            "Mean time of a picture",
            "The steps of one picture, stacked. Optimise the widest one.",
            "s",
            (
                Query(mean("petstream_fetch_duration_seconds"), "fetch"),
                Query(mean("petstream_decode_duration_seconds"), "decode, with its queue"),
                Query(mean("petstream_batch_queue_wait_seconds"), "wait for a batch"),
                Query(mean("petstream_inference_duration_seconds"), "forward pass"),
            ),
            stacked=True,
        ),
        Panel(
            "Fetch",
            "One object from the store, retries included. Grows during an outage of the store.",
            "s",
            quantiles("petstream_fetch_duration_seconds", 50, 95, 99),
        ),
        Panel(
            "Decode",
            "One picture, including the wait for a free decoder. High while the CPU is saturated; see DECODE_WORKERS.",
            "s",
            quantiles("petstream_decode_duration_seconds", 50, 95, 99),
        ),
        Panel(
            "Forward pass",
            "One batch through the model.",
            "s",
            quantiles("petstream_inference_duration_seconds", 50, 95, 99),
        ),
        Panel(
            "Batch size",
            "Pictures in one forward pass. Near BATCH_MAX_SIZE: the model is the bottleneck.",
            "short",
            (
                Query(mean("petstream_batch_size_images"), "mean"),
                *quantiles("petstream_batch_size_images", 95),
            ),
        ),
        Panel(
            "Wait for a batch",
            "From decoded to the start of the forward pass, of the first picture of each batch.",
            "s",
            quantiles("petstream_batch_queue_wait_seconds", 50, 95, 99),
        ),
    ),
)

_LOAD = Row(
    "Load",
    (
        Panel(
            "Messages in flight",
            "Consumed and not yet settled, by classifier; bounded by IN_FLIGHT_MAX_IMAGES.",
            "short",
            (Query('sum by (instance) (petstream_events_in_flight{job="petstream-classifier"})', "{{instance}}"),),
            width=6,
        ),
        Panel(
            "Bytes in flight",
            "Pictures being fetched and decoded; bounded by IN_FLIGHT_MAX_BYTES.",
            "bytes",
            (Query('sum by (instance) (petstream_in_flight_bytes{job="petstream-classifier"})', "{{instance}}"),),
            width=6,
        ),
        Panel(
            "Processor",
            "Cores used by the classifier's process, without its decoding processes.",
            "short",
            (
                Query(
                    'sum by (instance) (rate(process_cpu_seconds_total{job="petstream-classifier"}[$__rate_interval]))',
                    "{{instance}}",
                ),
            ),
            width=6,
        ),
        Panel(
            "Memory",
            "Resident memory of the classifier's process, without its decoding processes.",
            "bytes",
            (Query('sum by (instance) (process_resident_memory_bytes{job="petstream-classifier"})', "{{instance}}"),),
            width=6,
        ),
    ),
)

_SHADOW = Row(
    "Shadow model",
    (
        Panel(
            "Compared pictures",
            "Comparisons by outcome; skipped while the shadow model was busy. Zero without MODEL_SHADOW_URI.",
            PER_SECOND,
            (Query("sum by (outcome) (rate(petstream_shadow_images_total[$__rate_interval]))", "{{outcome}}"),),
            width=12,
            stacked=True,
        ),
        Panel(
            "Difference of scores",
            "The largest difference of a score between the shadow model and the model in service, 0 to 1.",
            "percentunit",
            quantiles("petstream_shadow_score_difference_ratio", 50, 95),
            width=12,
        ),
    ),
)

INFERENCE: Final = Dashboard(
    "petstream-inference",
    "petstream / Inference",
    "The classifier: model, steps of a picture, batches, load, shadow model.",
    (_MODEL, _TIME, _LOAD, _SHADOW),
)
