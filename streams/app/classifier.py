"""Wires ``petstream classify``: model, decoders, store, publisher, agent. Joins Kafka once the model is verified."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import structlog
from obstore.auth.boto3 import Boto3CredentialProvider

from inference import cpus
from inference.classifier import Classifier, load
from inference.decode import Limits
from inference.decode_pool import DecodePool
from inference.prediction import Prediction
from streams import faust_app, metrics
from streams.acknowledgement import InOrderAcknowledgement
from streams.app.service import service
from streams.batches import Batcher
from streams.byte_budget import ByteBudget
from streams.classify import Classify, Pixels, Rules, predict_in
from streams.classify_agent import ClassifyAgent
from streams.contracts import Model
from streams.images import S3Images
from streams.model_artifact import local_path
from streams.publisher import Publisher
from streams.settings import AwsSettings, ClassifySettings, InvalidSettingsError
from streams.topics import CLASSIFIER_GROUP, IMAGE_UPLOADS
from streams.user_names import KeyPattern

log = structlog.get_logger()


async def run(settings: ClassifySettings) -> None:
    """
    Classify uploads until a signal comes.

    Raises:
        ModelUnusable: if the model file is missing, corrupt or not what was pinned.
    """
    acknowledgement: InOrderAcknowledgement[Any] = InOrderAcknowledgement()
    async with service(
        settings,
        "classifier",
        pending=lambda: acknowledgement.pending,
        progress=lambda: acknowledgement.acknowledged,
    ) as process:
        classifier = open_model(settings)
        model = describe(classifier)
        process.health.facts["model"] = {"name": model.name, "version": model.version, "sha256": model.sha256}
        metrics.MODEL.info({"name": model.name, "version": model.version, "sha256": model.sha256})
        store = open_store(settings)
        log.info("model.loaded", name=model.name, version=model.version, engine=classifier.engine)
        with (
            tempfile.TemporaryDirectory(prefix="petstream-") as scratch,
            ThreadPoolExecutor(1, "inference") as engine,  # one thread: the engine has its own inside
        ):
            async with (
                DecodePool(
                    workers=settings.decode_workers or cpus.available(),
                    spec=classifier.manifest.input,
                    limits=Limits(max_bytes=settings.image_max_bytes, max_pixels=settings.image_max_pixels),
                    seconds=settings.decode_max_seconds,
                    memory_bytes=settings.decode_max_memory_bytes,
                ) as decoder,
                Publisher(settings, process.outages) as publisher,
            ):
                batcher: Batcher[Pixels, Prediction] = Batcher(
                    predict_in(engine, classifier.predict),
                    max_size=settings.batch_max_size,
                    max_wait_seconds=settings.batch_max_wait_ms / 1000,
                    on_batch=_observe_batch,
                )
                classify = Classify(
                    store=store,
                    decoder=decoder,
                    batcher=batcher,
                    budget=ByteBudget(settings.in_flight_max_bytes),
                    rules=Rules(
                        max_bytes=settings.image_max_bytes,
                        key_pattern=KeyPattern(settings.s3_key_pattern),
                        default_user=settings.s3_default_user,
                    ),
                    model=model,
                    outages=process.outages,
                )
                agent = ClassifyAgent(
                    classify, batcher, publisher, acknowledgement, max_in_flight=settings.in_flight_max_images
                )
                app = faust_app.build(CLASSIFIER_GROUP, settings, Path(scratch))
                faust_app.agent(app, settings, [IMAGE_UPLOADS], agent.run)

                def joined() -> None:
                    process.health.ready = True

                await faust_app.run(
                    app,
                    acknowledgement,
                    process.stop,
                    shutdown_seconds=settings.shutdown_seconds,
                    on_joined=joined,
                )


def open_model(settings: ClassifySettings) -> Classifier:
    """The verified and warmed model of ``MODEL_URI``; raises ModelUnusable."""
    return load(
        local_path(settings.model_uri, lambda: store_options(settings)),
        sha256=settings.model_sha256,
        engine=settings.engine,
        threads=settings.engine_threads,
        max_batch_size=settings.batch_max_size,
    )


def describe(classifier: Classifier) -> Model:
    """The model as events name it."""
    manifest = classifier.manifest
    return Model(name=manifest.name, version=manifest.version, rev=manifest.rev, sha256=classifier.sha256)


def open_store(settings: AwsSettings) -> S3Images:
    """The object store of the settings."""
    client = boto3.client("s3", region_name=settings.aws_region, endpoint_url=settings.s3_endpoint)
    return S3Images(client, **store_options(settings))


def store_options(settings: AwsSettings) -> dict[str, Any]:
    """
    Options of obstore's S3Store: boto3 finds the credentials, a custom endpoint is addressed by path.

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


def _observe_batch(size: int, waited_seconds: float) -> None:
    metrics.BATCH_SIZE.observe(size)
    metrics.BATCH_WAIT.observe(waited_seconds)
