"""The alert rules, by Prometheus' own tool: each fires when it should, keeps silent when not, and leads somewhere."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from prometheus_client import generate_latest
from pydantic_settings import BaseSettings
from typer.core import TyperGroup

from deploy.grafana.__main__ import files
from deploy.local.prometheus_binaries import PrometheusBinaries
from streams.cli import app
from streams.runtime import metrics, settings
from tools import metrics_page

FOLDER = Path("deploy/prometheus")
TESTS = ("alerts_test.yml", "alerts_days_test.yml")
RUNBOOK = Path("docs/runbook.md")
ALERT_HEADING = re.compile(r"^### (Petstream\w+)$", re.MULTILINE)


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promtool(programs: PrometheusBinaries, *arguments: str, given: str = "") -> str:
    command = [str(programs.promtool), *arguments]
    done = subprocess.run(command, cwd=FOLDER, input=given, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_settings_and_the_rules(prometheus_programs: PrometheusBinaries) -> None:
    assert "SUCCESS: 1 rule files found" in promtool(prometheus_programs, "check", "config", "prometheus.yml")
    assert f"SUCCESS: {len(rules())} rules found" in promtool(prometheus_programs, "check", "rules", "alerts.yml")


def test_promtool_finds_nothing_to_say_about_the_metrics_names(prometheus_programs: PrometheusBinaries) -> None:
    exposed = generate_latest().decode()
    assert metrics_page.name(metrics.LIVE) in exposed
    assert promtool(prometheus_programs, "check", "metrics", given=exposed) == ""


@pytest.mark.parametrize("name", TESTS)
def test_every_alert_fires_when_it_should_and_not_before(prometheus_programs: PrometheusBinaries, name: str) -> None:
    assert "SUCCESS" in promtool(prometheus_programs, "test", "rules", name)


def test_no_alert_is_without_a_test_of_firing_and_one_of_silence() -> None:
    fired: set[str] = set()
    silent: set[str] = set()
    for name in TESTS:
        for case in yaml.safe_load((FOLDER / name).read_text())["tests"]:
            for expectation in case["promql_expr_test"]:
                for alert in re.findall(r'alertname="(\w+)"', expectation["expr"]):
                    (fired if expectation["exp_samples"] else silent).add(alert)
    assert fired == silent == {rule["alert"] for rule in rules()}


def test_every_alert_says_how_urgent_it_is_and_what_has_happened() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]


def test_every_alert_has_its_chapter_in_the_runbook_and_every_chapter_its_alert() -> None:
    chapters = {heading: f"docs/runbook.md#{heading.lower()}" for heading in ALERT_HEADING.findall(RUNBOOK.read_text())}
    assert chapters == {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules()}


def test_every_chapter_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    _, *chapters = re.split(r"^### ", RUNBOOK.read_text(), flags=re.MULTILINE)
    for chapter in chapters:
        if chapter.startswith("Petstream"):
            for part in ("**Means.**", "**Look at.**", "**Do.**"):
                assert part in chapter, f"{chapter.splitlines()[0]} has no {part}"


def test_the_runbook_begins_with_a_table_that_leads_from_a_symptom_to_every_chapter_of_an_alert() -> None:
    title, table = RUNBOOK.read_text().split("\n\n")[:2]
    assert title == "# Runbook"
    assert table.startswith("| symptom | section |\n")
    assert set(re.findall(r"\[(Petstream\w+)\]", table)) == {rule["alert"] for rule in rules()}


def test_every_panel_that_a_chapter_names_is_on_a_dashboard() -> None:
    titles = set(re.findall(r'"title": "([^"]+)"', "".join(files().values())))
    _, *chapters = re.split(r"^### ", RUNBOOK.read_text().partition("\n## Scaling")[0], flags=re.MULTILINE)
    named = {name for chapter in chapters for name in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", chapter)}
    assert len(named) > 10
    assert named - titles == set()


def test_every_setting_that_the_runbook_names_exists() -> None:
    known = {
        field.upper()
        for kind in vars(settings).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings)
        for field in kind.model_fields
    }
    named = set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)[=`]", RUNBOOK.read_text()))
    assert named - known == set()


def test_every_command_that_the_runbook_names_exists() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    named = re.findall(r"`petstream ([a-z-]+)(?: ([a-z-]+))?", RUNBOOK.read_text())
    assert named
    for first, second in named:
        assert first in group.commands, f"petstream {first}"
        below = group.commands[first]
        assert not second or not isinstance(below, TyperGroup) or second in below.commands, (
            f"petstream {first} {second}"
        )
