"""What `make wheel` builds, installed as a user does it: no clone, no compiler, no Java, no Docker, an empty folder."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tools import wheel as building
from tools.command_tree import every_command

pytestmark = pytest.mark.slow  # builds the wheel, installs 80 packages, runs the demo: minutes

MOST_MB: Final = 700
MOST_WHEEL_MB: Final = 100
"""PyPI takes no larger file."""
NEVER: Final = {"torch", "torchvision", "timm", "nvidia", "triton", "scipy", "skimage"}

EACH_COMMAND: Final = """
import json, os, signal, sys, tempfile
import streams.cli

for words in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile() as said:
        if not (child := os.fork()):
            signal.alarm(30)  # some go on until they are stopped, and so work
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.argv = ["petstream", *words]
            try:
                streams.cli.main()
            except SystemExit as ended:
                os._exit(ended.code if isinstance(ended.code, int) else 1)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        print(json.dumps([status, said.read().decode()]), flush=True)  # else the next fork would print it, too
"""
"""Runs commands in forks: an import of the whole command line takes longer than most of them."""

SETTINGS: Final = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "DATABASE_HOST": "127.0.0.1",
    "DATABASE_NAME": "x",
    "DATABASE_PASSWORD": "x",
    "DATABASE_PORT": "9",
    "DATABASE_SSL": "false",
    "DATABASE_USERNAME": "x",
    "HEALTH_PORT": "0",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "MODEL_URI": "model.pt",
    "S3_BUCKET": "pets",
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "SQS_QUEUE_URL": "http://127.0.0.1:9/queue",
}
"""All are set, and nothing answers: what a command lacks is then a package."""

EXTRA_OF: Final = {
    "board": "board",
    "classify": "classify",
    "database backup monday.dump": "sink",
    "database restore monday.dump": "sink",
    "database seed": "sink",
    "database verify monday.dump": "sink",
    "demo": "local",
    "migrate break-lock": "sink",
    "migrate down --to 0004 --yes": "sink",
    "migrate status": "sink",
    "migrate up": "sink",
    "model bench": "classify",
    "model cascade weights": "model",
    "model evaluate pictures": "classify",
    "model export": "model",
    "model fit labels.csv": "model",
    "model info model.pt": "classify",
    "model quantize pictures": "classify",
    "model ranges pictures": "model",
    "model train labels.csv": "model",
    "model verify model.pt": "classify",
    "records": "sink",
    "rejections list": "sink",
    "rejections replay --reason missing": "sink",
    "rejections show s3://pets/uploads/a": "sink",
    "retries now --yes": "sink",
    "sink": "sink",
    "storage-dead-letters list": "sink",
    "storage-dead-letters replay": "sink",
    "storage-dead-letters show 0:17": "sink",
}
"""Without extras these end with a sentence that names this one."""

WORKS: Final = (
    "attach s3://pets --dry-run",
    "backfill s3://pets",
    "bridge",
    "check bridge",
    "detach s3://pets",
    "health",
    "reconcile s3://pets",  # until it reads the tables
    "retries list",
    "retries show image-uploads-retry-1m:0:17",
    "topics check",
    "topics create",
    "topics permissions sink --principal User:sink",
    "watch",
)
"""Without extras these do what they do while nothing answers."""


def run(
    *command: str | Path, cwd: Path, seconds: float = 500, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run with nothing of the clone: its folder, its environment and the system's programs are out of reach."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={"HOME": str(cwd), "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that PETSTREAM_WHEEL names, as when it is about to be published; else one that is built here."""
    if named := os.environ.get("PETSTREAM_WHEEL"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("dist")
    building.build(folder)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def install(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an environment with the wheel and an extra, in the versions of the lock."""
    uv, lock = Path(sys.prefix) / "bin" / "uv", building.ROOT / "requirements.lock"

    def made(extra: str) -> Path:
        app = tmp_path_factory.mktemp("app")
        of_user = os.environ | {"VIRTUAL_ENV": str(app)}  # with the cache, the index and the certificates of uv
        requirement = f"petstream{extra} @ {wheel.as_uri()}"
        subprocess.run([uv, "venv", "--quiet", "--clear", app], env=of_user, check=True, timeout=60)
        command: list[str | Path] = [uv, "pip", "install", "--quiet", "-c", lock, requirement]
        subprocess.run(command, env=of_user, check=True, timeout=300)
        return app

    return made


def test_it_fits_on_pypi_and_has_what_runs(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST_WHEEL_MB * 1e6
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"streams", "inference", "persistence", "migrations", "deploy"}
    tracked = {name for name in building.sources() if name.partition("/")[0] in packages}
    added = {name for name in names if ".dist-info/" not in name} - tracked
    assert added == {"inference/model/weights/cascade-int8.pt"}


def test_the_demo_labels_pictures_from_an_empty_folder(
    install: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = install("[local]")
    megabytes = sum(each.lstat().st_size for each in app.rglob("*")) / 1e6
    with capsys.disabled():
        sys.stdout.write(f"petstream[local] takes {megabytes:.0f} MB\n")
    assert megabytes <= MOST_MB
    assert not NEVER & {path.name for path in app.glob("lib/python*/site-packages/*")}
    done = run(app / "bin" / "petstream", "demo", "--once", cwd=tmp_path, PATH=str(app / "bin"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cascade-int8, which came with petstream" in done.stdout
    assert "Tansu" in done.stdout  # the broker without Java
    assert "100.0% (19/19) as labelled" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("objects 19 = classified 10 + rejected 9")


def test_every_command_works_without_extras_or_names_its_extra(
    install: Callable[[str], Path], wheel: Path, tmp_path: Path
) -> None:
    calls = [*EXTRA_OF, *WORKS]
    commands = [each.path for each in every_command() if not each.is_group]
    assert sorted(_of(call, commands) for call in calls) == sorted(commands)
    app = install("")
    (tmp_path / "model.pt").touch()
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,cat\n")
    for folder in ("pictures", "weights"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a.jpg").touch()
    done = run(
        *(app / "bin" / "python", "-c", EACH_COMMAND, json.dumps([call.split() for call in calls])),
        cwd=tmp_path,
        seconds=900,
        **SETTINGS,
    )
    assert done.returncode == 0, done.stderr
    for call, line in zip(calls, done.stdout.splitlines(), strict=True):
        status, said = json.loads(line)
        assert "Traceback" not in said, call
        if call in EXTRA_OF:
            how = f"is not installed: pip install 'petstream[{EXTRA_OF[call]}] @ {wheel.as_uri()}'\n"
            assert (status, said.count("\n")) == (2, 1), call + said
            assert said.endswith(how), call + said
        else:
            assert "is not installed" not in said, call + said


def _of(call: str, commands: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    words = call.split()
    return next(command for command in commands if tuple(words[: len(command)]) == command)
