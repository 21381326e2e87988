"""How a service that cannot start ends, and how one that waits is asked to."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.commands import kept, petstream, petstream_process


def test_a_model_that_is_not_there_ends_with_what_to_do(tmp_path: Path) -> None:
    done = petstream_process(
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


def test_a_process_without_credentials_says_so(quick_model: Path) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "HOME": "/nonexistent"}
    done = petstream_process(
        "classify",
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9",
        MODEL_URI=str(quick_model),
        HEALTH_PORT="0",
        **nowhere,
    )
    assert done.returncode == 2
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_waits_for_kafka_can_be_asked_to_stop() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "bridge"],
        env={
            **kept(),
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
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in said


def test_a_folder_without_pictures_ends_the_demo_before_anything_starts(tmp_path: Path) -> None:
    done = petstream("demo", tmp_path, "--once", COLUMNS="200")
    assert done.returncode == 2
    assert "no pictures" in done.stdout
    assert "kafka" not in done.stdout
