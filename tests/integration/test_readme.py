"""
Every command of the README, the tutorial and CONTRIBUTING is run: here as it stands there, or shorter by the test that
a table names.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import platformdirs
import pytest

from deploy.local.ports import free_port
from tests.absent import cannot_run
from tests.architecture import documents
from tests.architecture.documents import ROOT
from tests.world import World

PAGES: Final = "".join(documents.text(name) for name in ("README.md", "docs/getting-started.md", "CONTRIBUTING.md"))
BUCKET: Final = "s3://petstream-pictures/"
PORT: Final = "HEALTH_PORT=19103"
"""The demo's bucket and its sink's port become the world's; all else is run to the letter, also ~/Pictures and ann."""

ENDS: Final = (
    "petstream --install-completion",
    f"petstream backfill {BUCKET} --dry-run",
    "petstream check",
    "petstream database backup ~/petstream.dump",
    f"{PORT} petstream health",
    "petstream migrate up",
    "petstream model evaluate ~/Pictures",
    "petstream model export",
    f"petstream reconcile {BUCKET}uploads/ --grace 0",
    "petstream records --user ann",
    "petstream rejections replay --reason forbidden --dry-run",
    "petstream storage-dead-letters list",
    "petstream topics create",
    "petstream topics permissions sink",
)
GOES_ON: Final = {
    "petstream board --open": "board: http://",
    f"petstream reconcile {BUCKET} --every 6h": "reconcile.done",
    "petstream watch": "uploads/ann/",
}
"""Until it is stopped; and what it shows."""

DEMO: Final = "tests/integration/streams/demo/test_demo.py::test_the_demo_ends_with_an_account_that_holds"
PATH: Final = "tests/integration/streams/test_path.py::test_a_picture_becomes_an_event_and_a_row"
LOOP: Final = (
    "tests/integration/streams/backfill/test_reconcile_service.py::"
    "test_what_nobody_was_told_of_is_found_and_classified_with_no_human"
)
KILLED: Final = (
    "tests/integration/streams/demo/test_outages.py::"
    "test_a_demo_whose_parts_and_processes_are_killed_and_stopped_goes_on_to_an_account_that_holds"
)
COMPOSE: Final = "tests/deploy/test_containers.py::test_compose_takes_the_file_without_a_warning"
DOCKER: Final = "tests/docker/test_compose.py::test_awkward_uploads_become_rows"
CHAOS: Final = "tests/faults/test_chaos.py::test_nothing_is_lost_wrong_blamed_or_doubled_whatever_breaks"
SOAK: Final = "tests/soak/test_soak.py::test_nothing_grows_and_nothing_is_lost_while_processes_are_restarted_in_turn"
FUZZ: Final = "tests/fuzz/test_decoding.py::test_damaged_pictures_end_as_pixels_or_rejections"
BENCH: Final = "tests/integration/benchmarks/test_rig.py::test_work_is_done_when_each_picture_has_its_result"
CI: Final = ".ci/run"
WHEEL: Final = "tests/deploy/test_wheel.py::test_the_demo_labels_pictures_from_an_empty_folder"

MAKES: Final = {
    "make demo": ("petstream demo", DEMO),
    "make demo IMAGES=~/Pictures": ('petstream demo "', DEMO),
    "make demo IMAGES=~/Pictures ONCE=1": ("--once", DEMO),
    "make setup": ("--require-hashes -r requirements.lock", CI),
    "make setup TORCH=cpu": ("--torch-backend cpu", CI),
    "make lint": ("tools.settings_page --check", CI),
    "make test-unit": ("/pytest", CI),  # a part of the gate
    "make test": ("/pytest", CI),
    "make test FILE_SECONDS=240": ("file_seconds=240", CI),
    "make test-all": ('-m ""', CI),  # all but the slow tests, that is
    "make test-docker": ("/pytest -m docker", DOCKER),
    "make check": ("/mypy", CI),
    "make wheel": ("tools.wheel --sbom", WHEEL),
    "make chaos SEED=7": ("tests.chaos --seed 7 --objects 5000", CHAOS),
    "make soak": ("tests.soak --minutes 60", SOAK),
    "make fuzz": ("tests.fuzz.decoding --count 100000", FUZZ),
    "make bench QUICK=1": ("benchmarks --quick", BENCH),
    "make help": ("make %-11s", CI),
}
"""What each would run, and where the same, or a shorter run of it, is really run."""

GENERATORS: Final = (
    *("asyncapi_page", "commands_page", "metrics_page", "runbook_page", "schema", "settings_page"),
    "helm_chart",
)
ELSEWHERE: Final = {
    "petstream bridge": PATH,
    "petstream classify": PATH,
    "petstream sink": PATH,
    "petstream reconcile --every": LOOP,
    "docker compose up --build": COMPOSE,
    'uvx --from "petstream[local] @ file:///tmp/petstream-0.1.0-py3-none-any.whl" petstream demo': WHEEL,
    "docker compose --profile observability up --build": COMPOSE,
    **dict.fromkeys(("kill -9 23817", "kill -STOP 23790", "kill -CONT 23790"), KILLED),
    **dict.fromkeys((f"python -m tools.{name}" for name in GENERATORS), CI),
    "python -m deploy.grafana": CI,
}
"""What every world has; what needs an engine; what breaks the demo; what ``make lint`` runs."""

ACTIVATE: Final = "source .venv/bin/activate"


@pytest.fixture(scope="module")
def shown(running: World, chelsea: bytes) -> World:
    """A pipeline that has classified a picture of ann's."""
    running.put("uploads/ann/chelsea.png", chelsea)
    running.wait_outcomes("uploads/ann/chelsea.png")
    return running


@pytest.fixture(scope="module")
def bucket(running: World) -> str:
    """A bucket in which nothing is missing: the one of the shared pipeline has what other tests left."""
    name = f"{running.bucket}-of-the-readme"
    running.stack.objects.s3.create_bucket(Bucket=name)
    running.stack.objects.s3.put_object(Bucket=name, Key="elsewhere/new.png", Body=b"just uploaded")
    return name


@pytest.fixture
def environment(shown: World, tmp_path: Path, chelsea: bytes) -> dict[str, str]:
    """Of a shell in which the demo's settings were sourced, and whose home has labelled pictures."""
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    (pictures / "chelsea.png").write_bytes(chelsea)
    (pictures / "labels.csv").write_text("file,label\nchelsea.png,cat\n", encoding="utf-8")
    return {
        **os.environ,
        **shown.stack.environment(),
        **shown.env,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(platformdirs.user_cache_path()),  # the model and the programs that are there
        "BOARD_PORT": str(free_port()),
        "HEALTH_PORT": "0",
    }


def test_every_command_is_in_one_of_the_tables() -> None:
    tables = [*ENDS, *GOES_ON, *MAKES, *ELSEWHERE, ACTIVATE]
    assert len(tables) == len(set(tables))
    assert documents.calls(PAGES) == set(tables)


@pytest.mark.parametrize("command", ENDS)
def test_a_command_ends_well(
    command: str, running: World, bucket: str, environment: dict[str, str], tmp_path: Path
) -> None:
    port = running.workers[0].url.rpartition(":")[2]
    line = command.replace(BUCKET, f"s3://{bucket}/").replace(PORT, f"HEALTH_PORT={port}")
    done = subprocess.run(
        ["bash", "-c", f"{line}\nexit $?"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout + done.stderr


@pytest.mark.parametrize("command", GOES_ON)
def test_a_command_shows_what_comes_until_it_is_stopped(
    command: str, running: World, bucket: str, environment: dict[str, str], chelsea: bytes
) -> None:
    line, home = command.replace(BUCKET, f"s3://{bucket}/"), Path(environment["HOME"])
    browser, opened, shown = home / "browser", home / "opened", home / "shown"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n', encoding="utf-8")
    browser.chmod(0o755)
    with shown.open("wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], env=environment | {"BROWSER": str(browser)}, stdout=file, stderr=file
        )

    def shows() -> bool:
        running.put(f"uploads/ann/{uuid4()}.png", chelsea)  # again and again: a watch sees what comes once it is there
        time.sleep(1)
        assert process.poll() is None, shown.read_text("utf-8")
        return GOES_ON[command] in shown.read_text("utf-8")

    try:
        running.eventually(shows, says=lambda: shown.read_text("utf-8"))
        if "--open" in command:
            running.eventually(opened.exists)
            assert opened.read_text("utf-8").strip() == f"http://127.0.0.1:{environment['BOARD_PORT']}/"
    finally:
        process.terminate()
        process.wait(60)
    assert "Traceback" not in shown.read_text("utf-8")


@pytest.mark.parametrize("command", MAKES)
def test_make_would_run_what_is_said(command: str) -> None:
    if shutil.which("make") is None:
        cannot_run("no make")
    program, *words = command.split()  # -B: as if nothing had been set up yet
    done = subprocess.run([program, "-n", "-B", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert MAKES[command][0] in done.stdout


def test_a_home_that_the_shell_left_unexpanded_is_found(tmp_path: Path) -> None:
    # zsh hands on IMAGES=~/Pictures as it is.
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "demo", "~/Pictures", "--once"],
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stdout.partition(" is not a folder")[0]) == (2, f"{tmp_path}/Pictures")


def test_make_lists_every_target_that_the_pages_call() -> None:
    if shutil.which("make") is None:
        cannot_run("no make")
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert documents.targets(PAGES) <= {
        "help",
        *re.findall(r"^  make (\w+)", listed, re.MULTILINE),
    }


@pytest.mark.parametrize("place", sorted({*(where for _, where in MAKES.values()), *ELSEWHERE.values()}))
def test_what_is_run_elsewhere_is_run_there(place: str) -> None:
    file, _, name = place.partition("::")
    assert re.search(rf"^(?:async )?def {name}\(" if name else r"^make test\b", documents.text(file), re.MULTILINE)


def test_activating_finds_petstream() -> None:
    if not (ROOT / ".venv").is_dir():
        cannot_run("not set up in .venv")
    found = subprocess.run(
        ["bash", "-c", f"{ACTIVATE} && command -v petstream"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip().endswith("/.venv/bin/petstream")
