"""
Writes the dashboards' JSON beside this file: ``python -m deploy.grafana``.

With ``--check`` it only says which files are out of date. ``--runbook URL`` puts your address of docs/runbook.md into
the dashboards' links; the committed files name the path in the repository.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from deploy.grafana.inference import INFERENCE
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.panels import to_json
from deploy.grafana.storage import STORAGE

DASHBOARDS: Final = (OVERVIEW, INFERENCE, STORAGE)
DIRECTORY: Final = Path(__file__).with_name("dashboards")
RUNBOOK: Final = "docs/runbook.md"


def files(runbook_url: str = RUNBOOK) -> dict[str, str]:
    """The name and the text of each file."""
    return {
        f"{dashboard.uid}.json": json.dumps(to_json(dashboard, runbook_url=runbook_url), indent=2) + "\n"
        for dashboard in DASHBOARDS
    }


def main() -> None:
    """Write them, or say which are out of date."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana", description="Writes the dashboards' JSON.")
    parser.add_argument("--check", action="store_true", help="change nothing, say what is out of date")
    parser.add_argument("--runbook", default=RUNBOOK, metavar="URL", help="where your people find docs/runbook.md")
    arguments = parser.parse_args()
    stale = []
    for name, text in files(arguments.runbook).items():
        path = DIRECTORY / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not arguments.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and arguments.check:
        sys.exit(f"out of date, run python -m deploy.grafana: {', '.join(stale)}")


if __name__ == "__main__":
    main()
