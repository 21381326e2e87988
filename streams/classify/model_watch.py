"""
Watches ``MODEL_URI`` for a new model and puts it into service once it is verified.

The new file is loaded beside the one in service: verified, warmed and tested on its golden pictures. Only then is it
swapped in. A refused file only changes a metric and is logged; it is not loaded again until it changes.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from inference.errors import InferenceError
from streams.classify.serving import Rollout, Serving
from streams.runtime import metrics
from streams.runtime.error_text import error_text

log = structlog.get_logger()


async def watch(
    rollout: Rollout,
    fingerprint: Callable[[], Awaitable[str]],
    open_serving: Callable[[], Awaitable[Serving]],
    *,
    poll_seconds: float,
) -> None:
    """
    Poll for ever.

    Args:
        rollout: whose serving is replaced.
        fingerprint: a value that changes when the file does, such as its etag. If it raises, the next poll asks again.
        open_serving: loads the file at the URI; raises InferenceError or OSError if it is not fit to serve.
        poll_seconds: between two polls.
    """
    seen = await _quietly(fingerprint)
    while True:
        await asyncio.sleep(poll_seconds)
        found = await _quietly(fingerprint)
        if found is None or found == seen:
            continue
        seen = found
        try:
            serving = await open_serving()
        except (InferenceError, OSError) as error:
            metrics.MODEL_SWAPS.labels("refused").inc()
            log.error("model.refused", error=error_text(error), serving=rollout.current.model.sha256)  # noqa: TRY400 - the message suffices
            continue
        if serving.model.sha256 == rollout.current.model.sha256:
            await serving.close()
            continue
        log.info(
            "model.swapped", old=rollout.current.model.sha256, new=serving.model.sha256, version=serving.model.version
        )
        await rollout.replace(serving)
        metrics.show_model(serving.model)
        metrics.MODEL_SWAPS.labels("swapped").inc()


async def _quietly(fingerprint: Callable[[], Awaitable[str]]) -> str | None:
    """The fingerprint; None while it cannot be obtained: the model in service does not need it."""
    try:
        return await fingerprint()
    except Exception as error:  # noqa: BLE001 - no error may end the watch, such as expired credentials
        metrics.MODEL_SWAPS.labels("unseen").inc()
        log.warning("model.not_seen", error=error_text(error))
        return None
