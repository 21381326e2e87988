"""docker-compose.yml and the Dockerfile, as far as they can be judged without an engine; tests/docker runs them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from streams.cli import app
from streams.runtime.settings import (
    BoardSettings,
    BridgeSettings,
    ClassifySettings,
    DatabaseSettings,
    KafkaSettings,
    ReconcilerSettings,
    SinkSettings,
    TopicSettings,
    load,
)
from tests.deploy.ops import validate
from tools.images import CUDA, IMAGES
from tools.sbom import petstream_version

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "deploy" / "docker" / "Dockerfile"
PETSTREAM: Final[dict[str, type[Any]]] = {
    "bridge": BridgeSettings,
    "classify": ClassifySettings,
    "sink": SinkSettings,
    "reconcile": ReconcilerSettings,
    "board": BoardSettings,
    "topics": TopicSettings,
    "migrate": DatabaseSettings,
    "watch": KafkaSettings,
}


def as_compose_reads_it() -> dict[str, Any]:
    """The project: merged, interpolated, checked."""
    read = validate("docker-compose", "--profile", "*", "config", "--format", "json", cwd=ROOT)
    assert read.returncode == 0, read.stderr
    found: dict[str, Any] = json.loads(read.stdout)
    return found


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return as_compose_reads_it()


@pytest.fixture(scope="module")
def services(project: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = project["services"]
    return found


def test_compose_takes_the_file_without_a_warning() -> None:
    read = validate("docker-compose", "config", "--quiet", cwd=ROOT)
    assert (read.returncode, read.stderr) == (0, "")


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    found = validate("hadolint", DOCKERFILE)
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("service", PETSTREAM)
def test_the_environment_of_a_service_is_one_that_its_process_takes(
    service: str, services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = services[service]["environment"]
    for name in list(os.environ):
        monkeypatch.delenv(name, raising=False)
    image = {"MODEL_URI": "/model/petstream.pt"} if service == "classify" else {}  # set in the Dockerfile
    for name, value in (environment | image).items():
        monkeypatch.setenv(name, value)
    settings = load(PETSTREAM[service])
    known = {field.upper() for field in type(settings).model_fields}
    if service == "board":
        known |= {field.upper() for field in type(load(DatabaseSettings)).model_fields}
    assert set(environment) <= known | {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.mark.parametrize("service", PETSTREAM)
def test_a_service_runs_a_command_that_exists_in_an_image_that_has_what_it_needs(
    service: str, services: dict[str, Any]
) -> None:
    command, rest = get_command(app), list(services[service]["command"] or [service])
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, rest)  # as it is called, it parses
    target = services[service]["build"]["target"]
    assert f"AS {target}\n" in DOCKERFILE.read_text()
    needs = {"migrate": "sink", "classify": "classify-cpu", "sink": "sink", "reconcile": "sink", "board": "board"}
    assert target == needs.get(service, "bridge")


def test_every_petstream_container_is_hardened(services: dict[str, Any]) -> None:
    for name in (*PETSTREAM, "bucket", "reader", "store"):
        service = services[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["tmpfs"], name
    assert DOCKERFILE.read_text().count("USER 10001:10001") == 2
    assert DOCKERFILE.read_text().count("USER ") == 3  # root once, for a folder


def test_every_port_is_on_loopback(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 10
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_every_port_can_be_moved_without_editing(services: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    publishing = sorted(name for name, service in services.items() if service.get("ports"))
    for number, name in enumerate(publishing):
        monkeypatch.setenv(f"{name.upper()}_HOST_PORT", str(20000 + number))
    moved = as_compose_reads_it()["services"]
    assert [moved[name]["ports"][0]["published"] for name in publishing] == [str(20000 + n) for n in range(10)]
    advertised = moved["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised.endswith(f"HOST://127.0.0.1:{moved['kafka']['ports'][0]['published']}")


def test_images_of_petstream_can_come_from_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_PREFIX", "registry.example/you/")
    monkeypatch.setenv("PETSTREAM_VERSION", "9.8.7")
    for name, service in as_compose_reads_it()["services"].items():
        ours = "build" in service
        assert ours == service["image"].startswith("registry.example/you/petstream-"), name
        assert not ours or ":9.8.7" in service["image"], name


def test_make_images_builds_what_compose_runs_in_the_order_of_the_dockerfile(services: dict[str, Any]) -> None:
    built = {image.target: image.tag("", petstream_version()) for image in IMAGES}
    ran = {service["build"]["target"]: service["image"] for service in services.values() if "build" in service}
    assert ran == {target: tag for target, tag in built.items() if target != CUDA}
    assert list(built) == re.findall(r"^FROM runtime AS (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)


def test_no_health_check_starts_a_virtual_machine_of_java(services: dict[str, Any]) -> None:
    assert "/opt/kafka" not in " ".join(services["kafka"]["healthcheck"]["test"])


def test_a_password_file_that_cannot_be_read_ends_what_signs_the_reader_in(services: dict[str, Any]) -> None:
    """`export NAME=$(cat FILE)` goes on where cat fails, and psql then names the server instead of the file."""
    (script,) = services["reader"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets/database_password", "/nowhere/password")
    done = subprocess.run(["/bin/sh", "-ec", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "/nowhere/password" in done.stderr
    assert "psql" not in done.stderr


def test_every_image_is_named_with_an_exact_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?", service["image"]), name


def test_the_reconciliation_reads_as_the_reader_and_goes_on(services: dict[str, Any]) -> None:
    service = services["reconcile"]
    assert service["environment"]["DATABASE_USERNAME"] == "petstream_reader"
    assert service["command"][1:3] == [f"s3://{service['environment']['S3_BUCKET']}/uploads/", "--every"]


def test_the_board_reads_as_the_reader_and_takes_no_uploads(services: dict[str, Any]) -> None:
    environment = services["board"]["environment"]
    assert environment["DATABASE_USERNAME"] == "petstream_reader"
    assert "BOARD_UPLOADS" not in environment


def test_the_classifier_knows_no_database(services: dict[str, Any]) -> None:
    reached: set[str] = set()
    waiting = ["classify"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += services[name].get("depends_on", {})
    assert reached.isdisjoint({"postgres", "migrate", "sink"})
    assert not any(name.startswith("DATABASE_") for name in services["classify"]["environment"])


def test_the_sink_starts_also_where_the_schema_could_not_be_made(services: dict[str, Any]) -> None:
    assert services["sink"]["depends_on"]["migrate"]["required"] is False


def test_a_worker_may_stop_longer_than_it_needs(services: dict[str, Any]) -> None:
    longest = max(SinkSettings.model_fields["shutdown_seconds"].default, 20)  # the bridge polls for 20 s
    for name in ("bridge", "classify", "sink", "reconcile", "board"):
        assert services[name]["stop_grace_period"] == "1m0s"
        assert longest < 60


def test_what_is_mounted_exists(project: dict[str, Any]) -> None:
    services = project["services"].values()
    bound = [m["source"] for s in services for m in s.get("volumes", []) if m["type"] == "bind"]
    secrets = [secret["file"] for secret in project["secrets"].values()]
    assert len(bound) == 3
    for path in (*bound, *secrets):
        assert Path(path).exists(), path


def is_ignored(path: str) -> bool:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return not any(fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in allowed)


def test_what_the_wheel_installs_is_not_ignored() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = setuptools["packages"]["find"]["include"]
    modules = [path.relative_to(ROOT) for top in ("streams", "deploy") for path in (ROOT / top).rglob("*.py")]
    installed = [path for path in modules if any(fnmatch(".".join(path.parts[:-1]), each) for each in patterns)]
    assert {"deploy", "local", "streams"} <= {path.parent.name for path in installed}
    assert [str(path) for path in installed if is_ignored(str(path))] == []


def test_what_the_dockerfile_copies_is_not_ignored() -> None:
    for line in DOCKERFILE.read_text().splitlines():
        words = line.split()
        if words[:1] == ["COPY"] and not words[1].startswith("--from"):
            for source in words[1:-1]:
                assert (ROOT / source).exists(), source
                assert source == "deploy" or not is_ignored(source), source  # of deploy, parts


def test_the_version_of_uv_is_that_of_the_project() -> None:
    uv = re.search(r"UV_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    assert uv is not None
    assert f"uv=={uv[1]} " in DOCKERFILE.read_text()


@pytest.mark.parametrize(("image", "extra"), [("classify-cpu", "classify"), ("classify-cuda", "torch")])
def test_only_the_classifier_for_gpus_has_torch(image: str, extra: str) -> None:
    stages = re.split(r"^FROM ", DOCKERFILE.read_text(), flags=re.MULTILINE)
    (packages,) = [stage for stage in stages if stage.startswith(f"build AS {image}-packages\n")]
    (runs,) = [stage for stage in stages if stage.startswith(f"runtime AS {image}\n")]
    assert re.findall(r"--extra (\w+)", packages) == ["msk", "tracing", extra]
    assert f"COPY --from={image}-packages /app /app\n" in runs


@pytest.mark.parametrize("target", ["bridge", "store", "sink", "board"])
def test_no_stage_above_a_light_image_installs_pytorch(target: str) -> None:
    """Docker's classic builder, which it falls back to without buildx, builds every stage above the target."""
    above = DOCKERFILE.read_text().partition(f"\nFROM runtime AS {target}\n")[0]
    assert not set(re.findall(r"--extra (\w+)", above)) & {"classify", "model", "torch"}


def test_no_stage_above_the_classifier_for_cpus_installs_pytorch_for_gpus() -> None:
    above = DOCKERFILE.read_text().partition("\nFROM runtime AS classify-cpu\n")[0]
    assert not set(re.findall(r"--extra (\w+)", above)) & {"torch"}


def test_every_image_of_petstream_can_sign_in_to_amazon_msk_and_export_spans() -> None:
    runs = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("RUN uv pip install -c")]
    installs = [line for line in runs if "-r pyproject.toml" in line and "--extra model" not in line]
    assert len(installs) == 5
    assert all("--extra msk --extra tracing" in line for line in installs)


def test_the_sinks_packages_are_small_and_enough(tmp_path: Path) -> None:
    """The Dockerfile's own steps for the sink, in an environment instead of an image."""
    uv = Path(sys.prefix) / "bin" / "uv"
    environment = {**os.environ, "VIRTUAL_ENV": str(tmp_path / "app")}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(uv, "venv", "--quiet", tmp_path / "app")
    run(
        uv,
        "pip",
        "install",
        "-c",
        "requirements.lock",
        "-r",
        "pyproject.toml",
        "--extra",
        "msk",
        "--extra",
        "tracing",
        "--extra",
        "sink",
    )
    run(uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path / "wheel")
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    run(uv, "pip", "install", "--no-deps", wheel)
    installed = run(uv, "pip", "list")
    assert "asyncpg" in installed
    assert "aws-msk-iam-sasl-signer-python" in installed
    assert "torch" not in installed
    petstream = tmp_path / "app" / "bin" / "petstream"
    said = subprocess.run(
        [petstream, "sink"], env={"PATH": ""}, capture_output=True, text=True, timeout=150, check=False
    )
    assert (said.returncode, "DATABASE_HOST" in said.stderr) == (2, True)  # it got as far as asking for its settings
    refused = subprocess.run(
        [petstream, "classify"], env={"PATH": ""}, capture_output=True, text=True, timeout=150, check=False
    )
    assert "petstream[classify]" in refused.stderr
