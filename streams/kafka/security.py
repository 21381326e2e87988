"""Authentication and encryption: the options of every Kafka client."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaConnectionError

from streams.runtime.error_text import error_text
from streams.runtime.settings import InvalidSettingsError, KafkaSettings

MSK_IAM: Final = "AWS_MSK_IAM"

Sign = Callable[[str], tuple[str, int]]
"""Region → (token, its expiry in milliseconds since 1970)."""


class MskTokens(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """
    A token for each new connection, signed with the AWS credentials of the process.

    A token is valid for 15 minutes. MSK ends a connection whose token has expired, and the client reconnects with a new
    one. Source: Amazon MSK Developer Guide, "IAM access control".
    """

    def __init__(self, region: str, sign: Sign | None = None) -> None:
        self._region = region
        self._sign = sign or _signer()

    async def token(self) -> str:
        """
        A fresh token. Signing may ask AWS for credentials, so it happens in a thread.

        Raises:
            KafkaConnectionError: while there are no credentials. The client retries as if the broker were away.
        """
        try:
            token, _ = await asyncio.to_thread(self._sign, self._region)
        except Exception as error:
            raise KafkaConnectionError(f"no token for Amazon MSK ({error_text(error)})") from error
        return token


def client_options(settings: KafkaSettings, *, sign: Sign | None = None) -> dict[str, Any]:
    """
    The options of every aiokafka client: servers, encryption, credentials. ``sign`` replaces the MSK signer.

    Raises:
        InvalidSettingsError: a file that the settings name cannot be read or used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _ssl_context(settings),
    }
    if settings.kafka_sasl_mechanism == MSK_IAM:
        tokens = MskTokens(settings.aws_region, sign)
        return options | {"sasl_mechanism": "OAUTHBEARER", "sasl_oauth_token_provider": tokens}
    if settings.kafka_sasl_mechanism is not None:
        return options | {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": _password(settings),
        }
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    authority, certificate = settings.kafka_ssl_ca_file, settings.kafka_ssl_certificate_file
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise InvalidSettingsError(f"KAFKA_SSL_CA_FILE: {authority} cannot be used: {error_text(error)}") from error
    try:
        if certificate is not None:
            context.load_cert_chain(certificate, settings.kafka_ssl_key_file)
    except OSError as error:
        names = "KAFKA_SSL_CERTIFICATE_FILE, KAFKA_SSL_KEY_FILE"
        raise InvalidSettingsError(f"{names}: {certificate} cannot be used: {error_text(error)}") from error
    return context


def _password(settings: KafkaSettings) -> str:
    if settings.kafka_sasl_password_file is not None:
        try:
            return Path(settings.kafka_sasl_password_file).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettingsError(f"KAFKA_SASL_PASSWORD_FILE cannot be read: {error_text(error)}") from error
    assert settings.kafka_sasl_password is not None, "the settings are complete"
    return settings.kafka_sasl_password.get_secret_value()


def _signer() -> Sign:
    # Only Amazon MSK needs it: the extra ``msk``.
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415

    return MSKAuthTokenProvider.generate_auth_token  # type: ignore[no-any-return] # it ships no types
