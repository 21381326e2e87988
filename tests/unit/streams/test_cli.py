"""The command line as a user meets it: in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer

from streams.cli import app


def petstream(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(
        command, env={**kept, "COLUMNS": "200", **environment}, capture_output=True, text=True, timeout=60, check=False
    )


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for command in group.registered_commands:
        assert command.callback is not None
        yield (*path, command.name or command.callback.__name__.replace("_", "-"))
    for nested in group.registered_groups:
        assert nested.typer_instance is not None
        assert isinstance(nested.name, str)
        yield from commands(nested.typer_instance, (*path, nested.name))


def test_every_command_has_a_help_with_an_example() -> None:
    click = typer.main.get_command(app)
    found = list(commands(app))
    assert ("migrate", "up") in found
    for path in found:
        command = click
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]  # groups have commands
        assert "Example:" in (command.help or ""), " ".join(path)


@pytest.mark.parametrize("role", ["bridge", "classify", "sink", "watch"])
def test_what_is_not_set_is_named_without_a_traceback(role: str) -> None:
    done = petstream(role)
    assert done.returncode == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_there_ends_with_what_to_do(tmp_path: object) -> None:
    done = petstream(
        "classify",
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9",
        MODEL_URI=f"{tmp_path}/no.pt",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        HEALTH_PORT="0",
    )
    assert done.returncode == 1
    assert "petstream model export" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_without_credentials_says_so(model_file: object) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "HOME": "/nonexistent"}
    done = petstream(
        "classify",
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9",
        MODEL_URI=str(model_file),
        ENGINE="torchscript",
        HEALTH_PORT="0",
        **nowhere,
    )
    assert done.returncode == 2
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_waits_for_kafka_can_be_asked_to_stop() -> None:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "bridge"],
        env={
            **kept,
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9",
            "SQS_QUEUE_URL": "http://127.0.0.1:9/q",
            "HEALTH_PORT": "0",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "outage.begun" in line:
                break
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_folder_without_pictures_ends_the_demo_before_anything_starts(tmp_path: object) -> None:
    done = petstream("demo", str(tmp_path), "--once")
    assert done.returncode == 2
    assert "no pictures" in done.stdout
    assert "kafka" not in done.stdout


def test_a_database_that_does_not_answer_ends_a_migration_with_one_sentence() -> None:
    names = {"DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": "9", "DATABASE_NAME": "n", "DATABASE_USERNAME": "u"}
    done = petstream("migrate", "status", DATABASE_PASSWORD="p", DATABASE_SSL="false", **names)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_sink_does_not_import_torch_nor_a_bridge_the_database_driver() -> None:
    program = "import sys; import streams.app.{}; print([m for m in {!r} if m in sys.modules])"
    for role, unwanted in (("sink", ["torch", "PIL", "obstore"]), ("bridge", ["torch", "PIL", "obstore", "asyncpg"])):
        done = subprocess.run(
            [sys.executable, "-c", program.format(role, unwanted)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.strip() == "[]", role
