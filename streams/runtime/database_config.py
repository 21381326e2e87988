"""Translates the database settings into persistence's DatabaseConfig. Does not import Faust: readers do not need it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from persistence.pool import DatabaseConfig
from streams.runtime.database_passwords import password_in
from streams.runtime.database_tokens import tokens
from streams.runtime.settings import DatabaseSettings


def database_config(settings: DatabaseSettings) -> DatabaseConfig:
    """The config of the writer."""
    return _config(settings, settings.database_host)


def reader_config(settings: DatabaseSettings) -> DatabaseConfig:
    """The config for reads: DATABASE_READER_HOST if set, else the writer. For ``open_pool(read_only=True)``."""
    return _config(settings, settings.database_reader_host or settings.database_host)


def _config(settings: DatabaseSettings, host: str) -> DatabaseConfig:
    certificate = settings.database_ssl_root_certificate
    return DatabaseConfig(
        host=host,
        port=settings.database_port,
        database=settings.database_name,
        username=settings.database_username,
        password=_password(settings, host),
        ssl=settings.database_ssl,
        ssl_root_certificate=Path(certificate) if certificate else None,
    )


def _password(settings: DatabaseSettings, host: str) -> str | Callable[[], Awaitable[str]]:
    if settings.database_iam_auth:
        return tokens(settings.aws_region).password(host, settings.database_port, settings.database_username)
    if settings.database_password_file is not None:
        return password_in(Path(settings.database_password_file))
    assert settings.database_password is not None, "the settings are complete"
    return settings.database_password.get_secret_value()
