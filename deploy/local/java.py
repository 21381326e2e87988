"""The Java that runs Apache Kafka: where it is, and which."""

import os
import re
import shutil
import subprocess
from pathlib import Path

MINIMUM_MAJOR = 17  # Kafka 4's brokers: https://kafka.apache.org/documentation/#java


def java_command() -> str | None:
    """The `java` of JAVA_HOME, else the one on PATH."""
    home = os.environ.get("JAVA_HOME")
    if home and (java := Path(home) / "bin" / "java").is_file():
        return str(java)
    return shutil.which("java")


def java_version(java: str) -> str | None:
    """What `java -version` calls itself, e.g. "17.0.15"; None if it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "([^"]+)"', answer.stderr)
    return found.group(1) if found else None


def major(version: str) -> int:
    """17 for "17.0.15" and 8 for "1.8.0_392"."""
    first, *rest = re.split(r"[._-]", version)
    return int(rest[0]) if first == "1" and rest else int(first)
