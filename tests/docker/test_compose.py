"""
The images as the Dockerfile builds them, and docker-compose.yml as Compose runs it, in an engine of the test's own.

`make test-docker` runs this; the images of others are stand-ins (stand_ins.py). Each test goes on with what
the last one left.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docker import stand_ins
from tests.docker.engine import Engine, require_engine
from tools.images import CUDA, IMAGES, build, describe
from tools.sbom import CYCLONEDX, petstream_version

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(2 * 3600)]  # builds six images from nothing

OBJECTS: Final = 40
WITHIN_SECONDS: Final = 600
MOST_MB: Final = {"bridge": 200, "store": 200, "sink": 200, "board": 350, "classify-cpu": 600}
"""What a target adds to its base image, at most. Measured in 2026-11: 123, 154, 155, 279, 511."""
# The build of PyTorch that the lock names: PyTorch's own index is not everywhere. No image holds any of it.
FLAGS: Final = ("--network", "host", "--build-arg", "TORCH_BACKEND=")


class Compose:
    """docker-compose.yml, up. It knows how each object that was uploaded must end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.expected: dict[str, str] = {}

    def __call__(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return self.engine.compose(*words, **more)

    def upload(self, seed: int) -> None:
        command = self.engine.inside(sys.executable, "-m", "tests.docker.uploading", str(seed), str(OBJECTS))
        done = subprocess.run(command, cwd=stand_ins.ROOT, capture_output=True, text=True, timeout=600, check=True)
        self.expected |= json.loads(done.stdout)

    def outcomes(self) -> dict[str, str]:
        """As the database has them; empty while it does not answer."""
        query = "SELECT json_object_agg(source_key, coalesce(reason, outcome)) FROM image_outcomes"
        words = ("exec", "--no-TTY", "postgres", "psql", "--username", "petstream", "--tuples-only", "--command", query)
        done = self(*words, "petstream", check=False)
        found: dict[str, str] | None = json.loads(done.stdout) if done.stdout.strip() else None
        return found or {}

    def settle(self) -> None:
        """Wait until every object has its row, and no row is another's."""
        _wait(lambda: self.outcomes() == self.expected, lambda: _difference(self.expected, self.outcomes()))

    def kill(self, service: str) -> None:
        """Kill the process, as the kernel does when memory is short: Docker restarts what it did not stop itself."""
        container = self("ps", "--quiet", service).stdout.strip()
        os.kill(int(self.engine.docker("inspect", "--format", "{{.State.Pid}}", container).stdout), signal.SIGKILL)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    require_engine()
    with Engine(tmp_path_factory.mktemp("docker") / "engine") as started:
        yield started


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Each target's tag, seconds, size in MB without its base, and packages."""
    folder = tmp_path_factory.mktemp("images")
    stand_ins.make(engine, folder / "bases")
    base = _named_size(
        engine, re.findall(r"PYTHON_IMAGE=(\S+)", (stand_ins.ROOT / "deploy/docker/Dockerfile").read_text())[0]
    )
    built = {}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in engine.environment.items():
            patched.setenv(name, value)
        for image in IMAGES:
            if image.target == CUDA:
                continue
            tag, began = image.tag("", petstream_version()), time.monotonic()
            build(image, tag, FLAGS)
            seconds = time.monotonic() - began
            built[image.target] = {"tag": tag, "seconds": seconds, "megabytes": _named_size(engine, tag) - base}
            if CYCLONEDX.exists():
                listed = folder / f"{image.target}.cdx.json"
                describe(tag, listed)
                built[image.target]["packages"] = {
                    each["name"] for each in json.loads(listed.read_text())["components"]
                }
    return built


@pytest.fixture(scope="module")
def compose(engine: Engine, images: dict[str, dict[str, Any]]) -> Iterator[Compose]:
    started = Compose(engine)
    started("up", "--detach", "--no-build")
    yield started
    started("--profile", "*", "down", "--volumes", "--remove-orphans", check=False)


def test_no_image_has_pytorch_and_none_is_large(images: dict[str, dict[str, Any]]) -> None:
    for target, image in images.items():
        assert image["megabytes"] < MOST_MB[target], target
        if packages := image.get("packages"):
            assert not {"torch", "torchvision", "timm"} & packages, target
            assert "faust-streaming" in packages, target


def test_awkward_uploads_become_rows(compose: Compose) -> None:
    _wait(
        lambda: _healthy(compose) >= {"bridge", "classify", "sink", "board", "reconcile"},
        lambda: compose("ps", "--all").stdout,
    )
    compose.upload(1)
    compose.settle()


def test_a_healthy_first_start_logs_no_error(compose: Compose) -> None:
    said = compose("logs", "--no-color", "--no-log-prefix").stdout.splitlines()
    error = re.compile(r'"level": ?"(error|critical)"|\b(ERROR|FATAL|PANIC)\b|Traceback')
    # Kafka complains so of a busy machine.
    errors = [line for line in said if error.search(line) and "Exceptionally slow controller event" not in line]
    assert errors == []


def test_the_memory_and_size_of_each_image(
    compose: Compose, images: dict[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    stats = compose.engine.docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}").stdout
    used = dict(re.findall(r"^petstream-(\w+)-1 (\S+)", stats, re.MULTILINE))
    with capsys.disabled():
        sys.stdout.write("\nimage          seconds to build   MB above its base   memory\n")
        for target, image in images.items():
            memory = used.get(target.removesuffix("-cpu"), "")
            sys.stdout.write(f"{target:<14} {image['seconds']:>16.0f} {image['megabytes']:>19.0f}   {memory}\n")
        sys.stdout.write(
            "".join(f"{name:<14} {'':>36}   {used[name]}\n" for name in ("kafka", "postgres", "reconcile"))
        )
    assert set(used) >= {"bridge", "classify", "sink", "board", "reconcile", "store", "kafka", "postgres"}


def test_killed_processes_lose_nothing(compose: Compose) -> None:
    compose.upload(2)
    for service in ("bridge", "classify", "sink"):
        compose.kill(service)
    compose("kill", "kafka")
    compose("start", "kafka")
    compose.settle()


def test_uploads_while_the_database_is_stopped_become_rows_later(compose: Compose) -> None:
    compose("stop", "postgres")
    compose.upload(3)
    degraded = ("exec", "--no-TTY", "sink", "petstream", "health")
    _wait(lambda: "database" in compose(*degraded, check=False).stdout, lambda: compose(*degraded, check=False).stdout)
    compose("start", "postgres")
    compose.settle()


def test_down_and_up_keeps_what_the_volumes_hold(compose: Compose) -> None:
    compose("down")
    compose("up", "--detach", "--no-build")
    compose.settle()
    compose.upload(4)
    compose.settle()
    compose("exec", "--no-TTY", "reconcile", "petstream", "reconcile", "s3://petstream/uploads/")


def test_a_password_file_that_only_its_owner_may_read_is_named(compose: Compose, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of ours")
    secret.chmod(0o600)
    words = ("run", "--rm", "--no-deps", "--no-TTY", "migrate")
    refused = compose(*words, check=False, environment={"DATABASE_PASSWORD_FILE": str(secret)})
    assert refused.returncode != 0
    assert "/run/secrets/database_password has mode 600 and owner 0" in refused.stdout + refused.stderr


def _healthy(compose: Compose) -> set[str]:
    lines = compose("ps", "--format", "json").stdout.splitlines()
    return {each["Service"] for each in map(json.loads, lines) if each["Health"] == "healthy"}


def _named_size(engine: Engine, tag: str) -> float:
    """In MB."""
    return int(engine.docker("image", "inspect", "--format", "{{.Size}}", tag).stdout) / 1e6


def _difference(expected: dict[str, str], found: dict[str, str]) -> str:
    wrong = {key: (end, found.get(key)) for key, end in expected.items() if found.get(key) != end}
    return f"expected and found: {wrong}; unexpected: {sorted(set(found) - set(expected))}"


def _wait(condition: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(otherwise())
        time.sleep(1)
