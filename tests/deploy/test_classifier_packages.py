"""petstream[classify] as a user installs it: the wheel with its packages, in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from deploy.local.pipeline import Worker
from deploy.local.ports import LOOPBACK, free_port
from streams.classify.model_artifact import exported
from tests.world import World, metric

ROOT: Final = Path(__file__).parents[2]
MOST_MB: Final = 600
"""378 MB were measured; torch alone has more than this."""


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the extra `classify`, of the versions in the lock."""
    folder = tmp_path_factory.mktemp("classify")
    uv, app = Path(sys.prefix) / "bin" / "uv", folder / "app"
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder)
    (wheel,) = folder.glob("*.whl")
    run(uv, "venv", "--quiet", app)
    run(uv, "pip", "install", "-c", "requirements.lock", f"{wheel}[classify]", VIRTUAL_ENV=str(app))
    return app


@pytest.fixture(scope="module")
def model() -> Path:
    """The file that `petstream model export` builds by default on this machine."""
    return exported(None, None, print)


@pytest.mark.slow  # installs 60 packages
def test_the_classifiers_packages_are_small_and_have_no_torch(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    megabytes = sum(each.lstat().st_size for each in installed.rglob("*")) / 1e6
    with capsys.disabled():
        sys.stdout.write(f"petstream[classify] takes {megabytes:.0f} MB\n")
    assert megabytes < MOST_MB
    packages = {path.name for path in installed.glob("lib/python*/site-packages/*")}
    assert "openvino" in packages
    assert not {"torch", "torchvision", "timm", "nvidia"} & packages


@pytest.mark.slow  # as above
def test_a_classifier_without_torch_judges_pictures(
    installed: Path, model: Path, chelsea: bytes, coffee: bytes, tmp_path: Path
) -> None:
    petstream = installed / "bin" / "petstream"
    run(petstream, "model", "verify", model)
    (tmp_path / "labels.csv").write_text("file,label\nchelsea.png,cat\ncoffee.png,neither\n")
    (tmp_path / "chelsea.png").write_bytes(chelsea)
    (tmp_path / "coffee.png").write_bytes(coffee)
    found = json.loads(run(petstream, "model", "evaluate", tmp_path, "--model", model, "--json"))
    assert (found["pictures"], found["accuracy"]) == (2, 1.0)


@pytest.mark.slow  # as above
def test_a_classifier_without_torch_serves_with_a_shadow(
    installed: Path, model: Path, world: World, chelsea: bytes
) -> None:
    port, petstream = str(free_port()), str(installed / "bin" / "petstream")
    environment = {**world.env, "MODEL_URI": str(model), "MODEL_SHADOW_URI": str(model), "HEALTH_PORT": port}
    process = world.stack.spawn("classify-without-torch", [petstream, "classify"], environment)
    worker = Worker("classify", process, f"http://{LOOPBACK}:{port}")
    world.workers.append(worker)
    world.start("bridge", "sink")
    worker.wait_ready()
    world.put("uploads/ann/chelsea.png", chelsea)
    assert world.wait_outcomes("uploads/ann/chelsea.png") == {"uploads/ann/chelsea.png": "cat"}
    world.eventually(lambda: metric(worker, 'petstream_shadow_images_total{outcome="agree"}') == 1)
    settings = world.stack.environment() | environment
    run(petstream, "check", "classify", **settings)
    run(petstream, "health", **settings)
