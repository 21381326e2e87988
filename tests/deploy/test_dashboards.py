"""The dashboards' files: as their program writes them, and as Grafana wants them."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import DASHBOARDS, DIRECTORY, files
from deploy.grafana.panels import Dashboard

ALERT = re.compile(r"\bPetstream\w+")


def test_the_committed_files_are_what_the_program_writes() -> None:
    assert {path.name: path.read_text() for path in DIRECTORY.glob("*.json")} == files()


def test_the_address_of_the_runbook_can_be_chosen() -> None:
    for text in files("https://git.example/petstream/runbook.md").values():
        (link,) = [link for link in json.loads(text)["links"] if link["title"] == "Runbook"]
        assert link["url"] == "https://git.example/petstream/runbook.md"


@pytest.mark.parametrize("text", files().values(), ids=files())
def test_panels_have_ids_of_their_own_and_do_not_overlap(text: str) -> None:
    panels: list[dict[str, Any]] = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        apart_in_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_in_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_in_x or apart_in_y
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_every_panel_says_what_it_shows(dashboard: Dashboard) -> None:
    titles = [panel.title for panel in dashboard.panels]
    assert len(set(titles)) >= len(titles) - 1  # a stat and its curve may share a title
    for panel in dashboard.panels:
        assert panel.description.endswith("."), panel.title
        assert panel.unit, panel.title
        assert panel.queries, panel.title


def test_an_alert_that_a_panel_names_exists() -> None:
    groups = yaml.safe_load(Path("deploy/prometheus/alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    named = {name for text in files().values() for name in ALERT.findall(text)}
    assert named
    assert named <= alerts


def test_the_datasource_that_panels_ask_is_provisioned_with_the_interval_of_the_scrapes() -> None:
    folder = Path("deploy/grafana/provisioning")
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())["datasources"]
    scraping = yaml.safe_load(Path("deploy/prometheus/prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == scraping["scrape_interval"]
    for text in files().values():
        asked = {
            target["datasource"]["uid"] for panel in json.loads(text)["panels"] for target in panel.get("targets", ())
        }
        assert asked == {source["uid"]}
