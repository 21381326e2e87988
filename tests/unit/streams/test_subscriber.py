"""What a subscriber installs and imports, and what it is told when it asks for the impossible."""

import subprocess
import sys
from datetime import datetime

import pytest

from streams.subscriber import Subscriber


def test_it_needs_none_of_what_the_pipeline_needs() -> None:
    heavy = ["torch", "numpy", "openvino", "asyncpg", "psycopg", "faust", "boto3", "pydantic", "typer", "structlog"]
    program = f"import sys, streams.subscriber, streams.newest; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Subscriber({"bootstrap_servers": "nowhere:9092"}, start=datetime(2026, 11, 27))  # noqa: DTZ001 - that is the point
