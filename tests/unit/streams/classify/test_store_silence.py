"""A wrong S3_ENDPOINT_URL is reported when the classifier starts, not after the first uploads."""

from typing import Any

import boto3
import pytest
from botocore import exceptions
from structlog.testing import capture_logs

from streams.classify import opening
from streams.runtime.settings import AwsSettings

ENDPOINT = "http://store:9000"


class Store:
    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.asked: list[str] = []

    def head_bucket(self, **_named: str) -> None:
        self._answer("head_bucket")

    def list_buckets(self) -> None:
        self._answer("list_buckets")

    def _answer(self, name: str) -> None:
        self.asked.append(name)
        if self.error is not None:
            raise self.error


def stored(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> tuple[Store, dict[str, Any]]:
    store, options = Store(error), {}

    def client(_service: str, **given: Any) -> Store:
        options.update(given)
        return store

    monkeypatch.setattr(boto3, "client", client)
    return store, options


def settings(**values: str) -> AwsSettings:
    return AwsSettings.model_validate({"s3_endpoint_url": ENDPOINT, **values})


@pytest.mark.parametrize(
    ("error", "silence"),
    [
        (None, None),
        (exceptions.ClientError({"Error": {"Code": "403"}}, "HeadBucket"), None),
        (exceptions.NoCredentialsError(), None),
        (exceptions.EndpointConnectionError(endpoint_url=ENDPOINT), f"{ENDPOINT} does not answer"),
        (exceptions.ConnectTimeoutError(endpoint_url=ENDPOINT), f"{ENDPOINT} does not answer in time"),
    ],
    ids=str,
)
async def test_a_store_that_does_not_answer_is_logged_once_with_its_remedy(
    error: Exception | None, silence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(monkeypatch, error)
    with capture_logs() as logs:
        await opening.report_silence(settings())
    assert [each["error"] for each in logs] == ([] if silence is None else [silence])
    assert all("S3_ENDPOINT_URL" in each["remedy"] for each in logs)


def test_the_bucket_is_asked_for_where_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = stored(monkeypatch, None)
    opening.store_silence(settings())
    opening.store_silence(settings(s3_bucket="pets"))
    assert store.asked == ["list_buckets", "head_bucket"]


def test_it_takes_less_than_5_s(monkeypatch: pytest.MonkeyPatch) -> None:
    _, options = stored(monkeypatch, None)
    opening.store_silence(settings())
    config = options["config"]
    assert config.retries == {"total_max_attempts": 1}
    assert max(config.connect_timeout, config.read_timeout) < 5


def test_amazon_s3_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = stored(monkeypatch, exceptions.EndpointConnectionError(endpoint_url=ENDPOINT))
    assert opening.store_silence(AwsSettings.model_validate({})) is None
    assert store.asked == []
