"""Maven itself is a stand-in here: a script that leaves what it was told and does what the test needs."""

from pathlib import Path

import pytest

from deploy.local import kafka_jars
from deploy.local.errors import PartUnavailable
from deploy.local.kafka_jars import cached_jars, fetch_jars

MAVEN = """#!/bin/sh
for argument in "$@"; do case $argument in -DoutputDirectory=*) out=${argument#*=};; esac; done
echo "[INFO] Downloaded from central: https://repo.example/org/b.jar (1.2 kB at 40 kB/s)"
/bin/mkdir -p "$out" && echo b >"$out/b.jar" && echo a >"$out/a.jar"
"""
FAILING_MAVEN = """#!/bin/sh
echo "[INFO] Scanning"; echo "[ERROR] Could not resolve org.apache.kafka"; exit 1
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(kafka_jars, "user_cache_path", lambda _name: folder)
    return folder


def install_maven(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mvn").write_text(script)
    (tmp_path / "bin" / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_jars_are_fetched_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_maven(MAVEN, tmp_path, monkeypatch)
    told: list[str] = []
    jars = fetch_jars("4.4.0", report=told.append)
    assert jars.directory == cache / "kafka-4.4.0"
    assert jars.class_path == f"{jars.directory}/a.jar:{jars.directory}/b.jar"
    assert told == ["b.jar"]
    monkeypatch.setenv("PATH", str(tmp_path))  # no Maven any more, and none needed
    assert fetch_jars("4.4.0") == jars


def test_a_failed_fetch_leaves_nothing_that_looks_complete(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_maven(FAILING_MAVEN, tmp_path, monkeypatch)
    with pytest.raises(PartUnavailable, match="Could not resolve"):
        fetch_jars("4.4.0")
    assert cached_jars("4.4.0") is None
    assert list(cache.iterdir()) == []


def test_without_maven_and_without_a_cache_it_is_said(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PartUnavailable, match="Maven"):
        fetch_jars("4.4.0")
