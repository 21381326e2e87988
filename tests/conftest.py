"""
What all tests share: one embedded stack for the whole run, and fresh, uniquely named things in it for each test.

The stack starts with the first test that asks for it, so unit tests never wait for it. Where a part cannot be had, its
tests are skipped with the reason; with CI=true they fail instead, since a check that did not run is not green.
"""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from deploy.local.errors import PartUnavailable
from deploy.local.prometheus_binaries import PrometheusBinaries, find_prometheus
from deploy.local.stack import Stack
from streams.classify.model_artifact import exported
from tests.absent import cannot_run
from tests.photographs import CHELSEA, COFFEE
from tests.world import World, create, migrate_database

pytest_plugins = ["tests.durations"]

# structlog's default draws each traceback with all local variables, which takes a second on a busy machine.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

_RUN = uuid.uuid4().hex[:8]  # a broker or database that the environment names may be used by several runs at once
_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker("stack")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka, PostgreSQL, S3 and SQS: ours, or those that the environment names."""
    embedded = Stack()
    try:
        embedded.start()
    except PartUnavailable as missing:
        cannot_run(str(missing))
    try:
        yield embedded
    finally:
        embedded.stop()


@pytest.fixture(autouse=True)
def _durable_broker(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("durable") is None:
        return
    broker = request.getfixturevalue("stack").kafka
    if not broker.durable:
        cannot_run(f"needs a broker that keeps its log through a restart, and this one is {broker.kind}")


@pytest.fixture
def make_topic(stack: Stack) -> Callable[..., str]:
    """Creates a topic of its own: `make_topic(partitions=4, configs={"cleanup.policy": "compact"})`; gives its name."""

    def make(*, partitions: int = 1, configs: Mapping[str, str] | None = None) -> str:
        name = _unique("topic")
        stack.kafka.create_topics({name: partitions}, configs={name: configs or {}})
        return name

    return make


@pytest.fixture
def topic_prefix() -> str:
    """For KAFKA_TOPIC_PREFIX, and for group ids: nobody else's."""
    return _unique("test") + "."


@pytest.fixture
def make_database(stack: Stack) -> Iterator[Callable[..., str]]:
    """Creates a database, empty or a copy: `make_database(template="migrated")`; gives its address; dropped later."""
    made: list[str] = []

    def make(*, template: str | None = None) -> str:
        name = _unique("test").replace("-", "_")
        stack.postgres.create_database(name, template=template)
        made.append(name)
        return stack.postgres.dsn(name)

    yield make
    for name in made:
        stack.postgres.drop_database(name)


@pytest.fixture
def make_bucket(stack: Stack) -> Callable[..., tuple[str, str]]:
    """Creates a bucket that tells a queue of its own about its uploads; gives the bucket's name and the queue's URL."""

    def make(*, visibility_timeout_seconds: int = 60, max_receive_count: int = 100) -> tuple[str, str]:
        name = _unique("pictures")
        queue_url = stack.objects.create_bucket_with_queue(
            name,
            name,
            visibility_timeout_seconds=visibility_timeout_seconds,
            max_receive_count=max_receive_count,
        )
        return name, queue_url

    return make


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Polls until a condition holds: `eventually(lambda: …)`; fails the test if it does not."""

    def poll(condition: Callable[[], object], *, within_seconds: float = 60.0, every_seconds: float = 0.02) -> None:
        deadline = time.monotonic() + within_seconds
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"did not become true within {within_seconds} s")
            time.sleep(every_seconds)

    return poll


@pytest.fixture(scope="session")
def prometheus_programs() -> PrometheusBinaries:
    """Prometheus and promtool, fetched once into the user's cache."""
    try:
        return find_prometheus()
    except PartUnavailable as missing:
        cannot_run(str(missing))


def _unique(kind: str) -> str:
    return f"{kind}-{_RUN}-{next(_NUMBERS)}"


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The exported default model in float32, which all engines run; made once: the recipe gives the same bytes."""
    return exported(None, None, lambda _line: None, arithmetic="float32")


@pytest.fixture(scope="session")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells the tests' two photographs apart: what workers serve whose model is not the subject."""
    from tests.tiny_model import write_photographs

    return write_photographs(tmp_path_factory.mktemp("model") / "photographs.pt")


@pytest.fixture(scope="session")
def migrated(stack: Stack) -> str:
    """The name of a migrated database, to be copied as a template."""
    name = _unique("migrated").replace("-", "_")
    stack.postgres.create_database(name)
    migrate_database(stack, name)
    return name


@pytest.fixture(scope="session")
def make_world(stack: Stack, quick_model: Path, migrated: str) -> Callable[[], World]:
    """Makes a world: topics, a migrated database, a bucket with its queue, and the environment that names them."""

    def make() -> World:
        return create(stack, _unique("world"), quick_model, template=migrated)

    return make


@pytest.fixture
def world(make_world: Callable[[], World]) -> Iterator[World]:
    """A world of the test's own, with nothing running in it yet."""
    made = make_world()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def module_world(make_world: Callable[[], World]) -> Iterator[World]:
    """A world that the tests of a module share."""
    made = make_world()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def running(make_world: Callable[[], World]) -> Iterator[World]:
    """
    A world with the whole pipeline running in it, for all tests of the process that only look on.

    Keys of their own keep them apart (`upload_prefix`). A test that kills, configures or counts what all share takes a
    `world` of its own. Its logs tell of each picture.
    """
    made = make_world()
    made.start("bridge", "classify", "sink", env={"LOG_LEVEL": "DEBUG"})
    yield made
    made.stop()


@pytest.fixture
def upload_prefix() -> str:
    """The folder of a user whom no other test has, for keys in a world that tests share."""
    return f"uploads/{_unique('user')}/"


@pytest.fixture(scope="session")
def chelsea() -> bytes:
    """A photograph of a cat (CC0), as a PNG of 451 by 300 pixels."""
    return CHELSEA.read_bytes()


@pytest.fixture(scope="session")
def coffee() -> bytes:
    """A photograph of no pet (CC0)."""
    return COFFEE.read_bytes()
