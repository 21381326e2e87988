"""A wrong S3_ENDPOINT_URL is reported when the classifier starts, not after the first uploads."""

from typing import Any

import pytest
from botocore import exceptions
from structlog.testing import capture_logs

from streams.classify import opening
from streams.runtime.settings import AwsSettings

ENDPOINT = "http://store:9000"


class Connection:
    """In place of botocore's URLLib3Session."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, str]] = []
        self.options: dict[str, Any] = {}

    def __call__(self, **options: Any) -> "Connection":
        self.options = options
        return self

    def send(self, request: Any) -> None:
        self.asked.append((request.method, request.url))
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        pass


def settings(**values: str) -> AwsSettings:
    return AwsSettings.model_validate({"s3_endpoint_url": ENDPOINT, **values})


@pytest.mark.parametrize(
    ("error", "silence"),
    [
        (None, None),
        (exceptions.EndpointConnectionError(endpoint_url=ENDPOINT), f"{ENDPOINT} does not answer"),
        (exceptions.ConnectTimeoutError(endpoint_url=ENDPOINT), f"{ENDPOINT} does not answer in time"),
    ],
    ids=str,
)
async def test_a_store_that_does_not_answer_is_logged_once_with_its_remedy(
    error: Exception | None, silence: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = Connection(error)
    monkeypatch.setattr(opening, "URLLib3Session", connection)
    with capture_logs() as logs:
        await opening.report_silence(settings())
    assert [each["error"] for each in logs] == ([] if silence is None else [silence])
    assert all("S3_ENDPOINT_URL" in each["remedy"] for each in logs)
    assert connection.asked == [("HEAD", ENDPOINT)]


def test_it_takes_5_s_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection()
    monkeypatch.setattr(opening, "URLLib3Session", connection)
    opening.store_silence(settings())
    assert sum(connection.options["timeout"]) <= 5


def test_certificates_and_proxy_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection()
    monkeypatch.setattr(opening, "URLLib3Session", connection)
    monkeypatch.setenv("AWS_CA_BUNDLE", "/ca.pem")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    opening.store_silence(settings())
    assert connection.options["verify"] == "/ca.pem"
    assert connection.options["proxies"]["http"] == "http://proxy:3128"


def test_amazon_s3_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(exceptions.EndpointConnectionError(endpoint_url=ENDPOINT))
    monkeypatch.setattr(opening, "URLLib3Session", connection)
    assert opening.store_silence(AwsSettings.model_validate({})) is None
    assert connection.asked == []
