"""Creates and drops databases on a server."""

from urllib.parse import quote

import psycopg
from psycopg import sql


def dsn(host: str, port: int, database: str, username: str, password: str) -> str:
    """A PostgreSQL address that asyncpg, psycopg and yoyo read alike."""
    return (
        f"postgresql://{quote(username, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(database, safe='')}"
    )


def create_database(server_dsn: str, name: str, template: str | None = None) -> None:
    """Create a database, as a copy of the template if one is given. The template must have no connections."""
    statement = sql.SQL("CREATE DATABASE {name}").format(name=sql.Identifier(name))
    if template is not None:
        # For small databases, copying files is much faster than copying through the WAL.
        statement += sql.SQL(" TEMPLATE {template} STRATEGY file_copy").format(template=sql.Identifier(template))
    _execute(server_dsn, statement)


def drop_database(server_dsn: str, name: str) -> None:
    """Drop a database if it exists, ending the sessions in it."""
    _execute(server_dsn, sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(name=sql.Identifier(name)))


def database_exists(server_dsn: str, name: str) -> bool:
    """Whether the server has a database of that name."""
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _execute(server_dsn: str, statement: sql.Composed) -> None:
    # Both statements refuse to run in a transaction.
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(statement)
