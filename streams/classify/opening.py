"""Opens the parts of a classifier from its settings: store, model, decoders."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final, cast

import boto3
import botocore.session
import structlog
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ConnectionError, HTTPClientError  # noqa: A004 - botocore's name
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from obstore.auth.boto3 import Boto3CredentialProvider

from inference import cpus
from inference.classifier import Classifier, load
from inference.decode import Limits
from inference.decode.adaptive_timeout import AdaptiveTimeout
from inference.decode.device.pool import DeviceDecodePool
from inference.decode.lazy_pool import LazyDecodePool
from inference.decode.pool import DecodePool
from inference.engines.cuda_options import Options
from inference.engines.libraries import require_torch
from inference.errors import ModelUnusable
from inference.manifest import InputSpec
from streams.classify.boto3_reader import BOTO3_THREADS
from streams.classify.images import S3Images
from streams.classify.model_artifact import local_path
from streams.classify.serving import Serving
from streams.classify.shadow import Shadow
from streams.contracts import Model
from streams.runtime.error_text import error_text
from streams.runtime.settings import AwsSettings, ClassifySettings, InvalidSettingsError

CLIENT_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "max_pool_connections": BOTO3_THREADS,
    "retries": {"total_max_attempts": 1},
}
"""
With boto3's defaults a silent store raises an error after five minutes: the watchdog would end a worker that only
waits. Retries are in streams.runtime.retries. obstore, too, has 5 s to connect; read_timeout.py bounds its reads.
"""

SILENCE_SECONDS: Final = (2, 3)
"""Of ``store_silence``: to connect, and to answer."""
FIRST_LIMIT_SECONDS: Final = 3.0
"""
The wall-clock limit of a picture's first attempt. Ordinary pictures take hundredths of a second, the largest about one
second. A picture that takes longer is parked and decoded once more with this limit, alone: while others hang, the first
attempt gets less (AdaptiveTimeout). Only then does it get DECODE_MAX_SECONDS, where it delays no other picture.
"""

log = structlog.get_logger()


async def open_serving(settings: ClassifySettings) -> Serving:
    """Load the model at ``MODEL_URI``, verified and warm, with its decoders; raises ModelUnusable or OSError."""
    classifier = await asyncio.to_thread(open_model, settings, settings.model_uri, settings.model_sha256)
    decoder = await make_decoder(settings, classifier.manifest.input).start()
    model = describe(classifier)
    log.info(
        "model.loaded",
        name=model.name,
        version=model.version,
        sha256=model.sha256,
        engine=classifier.engine,
        why=classifier.why,
        accept=classifier.thresholds.accept,
    )
    spec = classifier.manifest.input
    isolated, full_time = (
        LazyDecodePool(make(settings, spec)) for make in (make_isolated_decoder, make_full_time_decoder)
    )
    return Serving(model, spec, classifier, decoder, isolated, full_time)


async def open_shadow(settings: ClassifySettings, ours: InputSpec, parts: AsyncExitStack) -> Shadow | None:
    """
    The shadow model of ``MODEL_SHADOW_URI``, if that is set.

    Raises:
        ModelUnusable: if it is not fit to serve, or its input differs from that of the model in service.
    """
    if settings.model_shadow_uri is None:
        return None
    classifier = await asyncio.to_thread(open_model, settings, settings.model_shadow_uri, None)
    parts.callback(classifier.close)
    theirs = classifier.manifest.input
    if ours != theirs:
        raise ModelUnusable(
            f"MODEL_SHADOW_URI takes {theirs}, MODEL_URI takes {ours}: a shadow judges the same pixels. "
            "Export it at the same size, or unset MODEL_SHADOW_URI."
        )
    shadow = Shadow(classifier, parts.enter_context(ThreadPoolExecutor(1, "shadow")))
    parts.push_async_callback(shadow.settle)
    log.info("shadow.loaded", name=classifier.manifest.name, version=classifier.manifest.version)
    return shadow


def open_model(settings: ClassifySettings, uri: str, sha256: str | None) -> Classifier:
    """The verified and warmed model of a URI; raises ModelUnusable. Blocks for seconds."""
    return load(
        local_path(uri, lambda: store_options(settings)),
        sha256=sha256,
        engine=settings.engine,
        threads=settings.engine_threads,
        cuda=Options(precision=settings.engine_precision, graphs=settings.engine_cuda_graphs),
        max_batch_size=settings.batch_max_size,
        accept=settings.accept_at,
    )


def describe(classifier: Classifier) -> Model:
    """The model as events name it."""
    manifest = classifier.manifest
    return Model(name=manifest.name, version=manifest.version, rev=manifest.rev, sha256=classifier.sha256)


def make_decoder(settings: ClassifySettings, spec: InputSpec) -> DecodePool | DeviceDecodePool:
    """The decoder that the settings name, not yet started; raises ModelUnusable if its device or torch is missing."""
    workers = settings.decode_workers or cpus.available()
    usual = _decode_pool(settings, spec, workers, AdaptiveTimeout(FIRST_LIMIT_SECONDS))
    if settings.decode_device == "cpu":
        return usual
    require_torch("DECODE_DEVICE=cuda")
    from inference.engines import cuda  # noqa: PLC0415 - loads torch

    if (missing := cuda.missing()) is not None:
        raise ModelUnusable(f"DECODE_DEVICE=cuda cannot be. {missing.replace('ENGINE=auto', 'DECODE_DEVICE=cpu')}")
    visible = settings.cuda_visible_devices
    return DeviceDecodePool(
        usual,
        spec,
        _limits(settings),
        memory_bytes=settings.decode_max_memory_bytes,
        environment={} if visible is None else {"CUDA_VISIBLE_DEVICES": visible},
    )


def make_isolated_decoder(settings: ClassifySettings, spec: InputSpec) -> DecodePool:
    """One decoder process, not yet started. Each picture gets the usual time, however many others hang."""
    seconds = min(FIRST_LIMIT_SECONDS, settings.decode_max_seconds)
    return _decode_pool(settings, spec, 1, AdaptiveTimeout(seconds, seconds))


def make_full_time_decoder(settings: ClassifySettings, spec: InputSpec) -> DecodePool:
    """One decoder process, not yet started. Each picture gets the full time, DECODE_MAX_SECONDS."""
    return _decode_pool(settings, spec, 1, None)


def _decode_pool(
    settings: ClassifySettings, spec: InputSpec, workers: int, first_limit: AdaptiveTimeout | None
) -> DecodePool:
    """A pool with the limit of a first attempt. None: each picture gets the full time, in a process of its own."""
    is_last = first_limit is None
    return DecodePool(
        workers,
        spec,
        _limits(settings),
        settings.decode_max_seconds if is_last else min(FIRST_LIMIT_SECONDS, settings.decode_max_seconds),
        settings.decode_max_memory_bytes,
        timeout=first_limit,
        tries_again=is_last,
        fresh_for_each=is_last,
    )


def _limits(settings: ClassifySettings) -> Limits:
    return Limits(max_bytes=settings.image_max_bytes, max_pixels=settings.image_max_pixels)


def open_store(settings: AwsSettings) -> S3Images:
    """The object store of the settings."""
    make_client = partial(
        boto3.client,
        "s3",
        region_name=settings.aws_region,
        endpoint_url=settings.s3_endpoint,
        config=Config(**CLIENT_OPTIONS),
    )
    return S3Images(make_client, **store_options(settings))


def store_silence(settings: AwsSettings) -> str | None:
    """
    Why nothing answers at S3_ENDPOINT_URL, in plain words; None if something does, or if it is not set.

    Blocks for 5 s at most. Any answer counts, a refusal as well. A boto3 client would take 14 MiB.
    """
    if settings.s3_endpoint is None:
        return None
    verify = botocore.session.get_session().get_config_variable("ca_bundle") or True
    proxies = get_environ_proxies(settings.s3_endpoint)
    timeout = cast("int", SILENCE_SECONDS)  # the stub of botocore knows one number, botocore takes two
    connection = URLLib3Session(verify=verify, proxies=proxies, timeout=timeout)
    try:
        connection.send(AWSRequest("HEAD", settings.s3_endpoint).prepare())
    except (HTTPClientError, ConnectionError) as error:
        return error_text(error)
    finally:
        connection.close()
    return None


async def report_silence(settings: AwsSettings) -> None:
    """Log once if nothing answers at S3_ENDPOINT_URL. Without this, a wrong URL shows only after the first uploads."""
    silence = await asyncio.to_thread(store_silence, settings)
    if silence is not None:
        log.warning("object_store.silent", error=silence, remedy="look at S3_ENDPOINT_URL and the network")


def store_options(settings: AwsSettings) -> dict[str, Any]:
    """
    Options of obstore's S3Store: credentials from boto3, path-style addresses at a custom endpoint.

    Raises:
        InvalidSettingsError: if boto3 finds no credentials.
    """
    session = boto3.Session()
    if session.get_credentials() is None:
        raise InvalidSettingsError(
            "No AWS credentials found. Give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    options: dict[str, Any] = {"credential_provider": Boto3CredentialProvider(session), "region": settings.aws_region}
    if settings.s3_endpoint:
        options["endpoint"] = settings.s3_endpoint
        options["virtual_hosted_style_request"] = False
        options["client_options"] = {"allow_http": settings.s3_endpoint.startswith("http://")}
    return options
