"""
Looks for a new model at ``MODEL_URI`` and puts it into service, if it is a good one.

The new file is loaded beside the one in service: verified, warmed and tested on its golden pictures. Only then is it
swapped in. A bad one changes nothing but a metric and a line in the log, and is not tried again until it changes.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from inference.errors import InferenceError
from streams.classify.serving import Rollout, Serving
from streams.runtime import metrics

log = structlog.get_logger()


async def watch(
    rollout: Rollout,
    fingerprint: Callable[[], Awaitable[str]],
    open_serving: Callable[[], Awaitable[Serving]],
    *,
    poll_seconds: float,
) -> None:
    """
    Look for ever.

    Args:
        rollout: whose serving is replaced.
        fingerprint: what changes when the file does, such as its etag. Whatever it raises, the next look may succeed.
        open_serving: loads what is at the URI now; InferenceError or OSError if that is not fit to serve.
        poll_seconds: between two looks.
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
            log.error("model.refused", error=str(error), serving=rollout.current.model.sha256)  # noqa: TRY400 - the sentence says it all
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
    """None while the place cannot be looked at: the model in service needs nothing of it."""
    try:
        return await fingerprint()
    except Exception as error:  # noqa: BLE001 - credentials that are being renewed, say: nothing may end the looking
        metrics.MODEL_SWAPS.labels("unseen").inc()
        log.warning("model.not_seen", error=f"{type(error).__name__}: {error}"[:300])
        return None
