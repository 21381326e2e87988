"""The package manager is a stand-in here: scripts that do what the test needs of them."""

from pathlib import Path

import pytest

from deploy.local import prometheus_binaries
from deploy.local.errors import PartUnavailable
from deploy.local.prometheus_binaries import PROMETHEUS_VERSION, find_prometheus

APT = """#!/bin/sh
echo "$@" >>"$(/usr/bin/dirname "$0")/asked"
for argument in "$@"; do [ "$argument" = update ] && exit 0; done
case "$*" in *Dir::State=*) : >prometheus_1.deb;; *) {stale};; esac
"""
DPKG = """#!/bin/sh
/bin/mkdir -p "$3/usr/bin" && echo p >"$3/usr/bin/prometheus" && echo t >"$3/usr/bin/promtool"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(prometheus_binaries, "user_cache_path", lambda _name: folder)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return folder


def install(folder: Path, **programs: str) -> None:
    for name, script in programs.items():
        path = folder / "bin" / name.replace("_", "-")
        path.write_text(script)
        path.chmod(0o755)


def test_installed_programs_are_taken(cache: Path, tmp_path: Path) -> None:
    install(tmp_path, prometheus="#!/bin/sh\n", promtool="#!/bin/sh\n")
    assert find_prometheus().promtool == tmp_path / "bin" / "promtool"
    assert not cache.exists()


def test_they_are_fetched_once_in_the_version_that_is_pinned(cache: Path, tmp_path: Path) -> None:
    install(tmp_path, apt_get=APT.format(stale=": >prometheus_1.deb"), dpkg_deb=DPKG)
    found = find_prometheus()
    assert found.prometheus == cache / f"prometheus-{PROMETHEUS_VERSION}" / "prometheus"
    assert found.promtool.read_text() == "t\n"
    assert (tmp_path / "bin" / "asked").read_text() == f"download prometheus={PROMETHEUS_VERSION}*\n"
    assert [path.name for path in cache.iterdir()] == [f"prometheus-{PROMETHEUS_VERSION}"]
    install(tmp_path, apt_get="#!/bin/sh\nexit 1\n")
    assert find_prometheus() == found


def test_where_the_systems_lists_are_stale_fresh_ones_are_taken_aside(cache: Path, tmp_path: Path) -> None:
    install(tmp_path, apt_get=APT.format(stale="exit 100"), dpkg_deb=DPKG)
    assert find_prometheus().prometheus.is_file()
    first, update, last = (tmp_path / "bin" / "asked").read_text().splitlines()
    assert "Dir::State" not in first
    assert "Dir::State" in update
    assert update.endswith("update")
    assert f"download prometheus={PROMETHEUS_VERSION}*" in last


def test_a_failed_fetch_says_why_and_leaves_nothing_that_looks_complete(cache: Path, tmp_path: Path) -> None:
    install(tmp_path, apt_get="#!/bin/sh\necho 'E: no such package' >&2; exit 100\n", dpkg_deb=DPKG)
    with pytest.raises(PartUnavailable, match="no such package"):
        find_prometheus()
    assert list(cache.iterdir()) == []


def test_without_a_package_manager_it_is_said(cache: Path) -> None:
    with pytest.raises(PartUnavailable, match="without apt-get it cannot be fetched"):
        find_prometheus()
