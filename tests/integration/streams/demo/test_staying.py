"""The demo that stays: what it prints for a second terminal, and its totals at Ctrl-C."""

import re
import signal
import subprocess
from pathlib import Path

import boto3
import psycopg

from tests.demonstrating import read_until, started


def test_a_demo_that_stays_shows_its_processes_and_counts_later_uploads_at_ctrl_c(
    quick_model: Path, chelsea: bytes, tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "first.png").write_bytes(chelsea)
    demo = started(quick_model, pictures, once=False, PETSTREAM_BROKER="wheel")
    try:
        said = "".join(read_until(demo, "Ctrl-C stops it"))
        pid = re.search(r"^  sink .* pid (\d+)$", said, re.MULTILINE)
        assert pid is not None, said
        assert b"\0sink" in Path(f"/proc/{pid[1]}/cmdline").read_bytes()
        settings = re.search(r"^  settings  (source (.*))$", said, re.MULTILINE)
        assert settings is not None, said
        assert Path(settings[2]).stat().st_mode & 0o777 == 0o600
        sourced = subprocess.run(["bash", "-c", f"{settings[1]}; env -0"], env={}, capture_output=True, check=True)
        env = dict(line.split("=", 1) for line in sourced.stdout.decode().split("\0") if line)
        assert env["DATABASE_PASSWORD"] not in said
        assert env["AWS_SECRET_ACCESS_KEY"] not in said
        assert "DATABASE_PASSWORD" in said
        with psycopg.connect(
            host=env["DATABASE_HOST"],
            port=env["DATABASE_PORT"],
            dbname=env["DATABASE_NAME"],
            user=env["DATABASE_USERNAME"],
            password=env["DATABASE_PASSWORD"],
        ) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("10s",)
        s3 = boto3.client(
            "s3",
            endpoint_url=env["S3_ENDPOINT_URL"],
            region_name=env["AWS_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        )
        s3.put_object(Bucket=env["S3_BUCKET"], Key="uploads/ann/second.png", Body=chelsea)
        read_until(demo, "row", "uploads/ann/second.png")
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=120)
    finally:
        demo.kill()
    assert rest.splitlines()[-2:] == [
        "objects 2 = classified 2 + rejected 0  nothing lost",
        "Stopped. Nothing keeps running.",
    ]
