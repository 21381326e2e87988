import socket

import pytest

from deploy.local.errors import LocalPartError
from deploy.local.external import ExternalKafka, ExternalObjectStore, ExternalPostgres
from deploy.local.parts import Names, database_environment


def test_the_database_of_the_environment_is_used_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "DATABASE_HOST": "db.example",
        "DATABASE_PORT": "6543",
        "DATABASE_NAME": "pets",
        "DATABASE_USERNAME": "writer",
        "DATABASE_PASSWORD": "p@ss/word",
        "DATABASE_SSL": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    database = ExternalPostgres(given)
    assert database_environment(database, Names()) == given
    assert database.dsn("pets") == "postgresql://writer:p%40ss%2Fword@db.example:6543/pets"


def test_what_is_not_ours_is_not_stopped_and_refuses_to_be_killed() -> None:
    kafka = ExternalKafka("kafka.example:9092")
    kafka.stop()
    with pytest.raises(LocalPartError, match="is external"):
        kafka.kill()
    with pytest.raises(LocalPartError, match="is external"):
        kafka.restart()
    assert kafka.processes == ()


def test_a_cluster_that_does_not_answer_is_named_with_its_variable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        kafka = ExternalKafka(f"127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(LocalPartError, match="KAFKA_BOOTSTRAP_SERVERS"):
            kafka.start()


def test_without_keys_the_store_leaves_credentials_to_their_usual_places() -> None:
    store = ExternalObjectStore({"S3_ENDPOINT_URL": "http://store.example", "AWS_DEFAULT_REGION": "eu-central-1"})
    assert (store.access_key, store.secret_key, store.region) == (None, None, "eu-central-1")
