"""
Writes the dashboards' JSON beside this file: ``python -m deploy.grafana``.

``--check`` only reports files that are out of date. ``--runbook URL`` sets the address of docs/runbook.md in the
dashboards' links; the committed files have its path in the repository.
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
    """The text of each file, by file name."""
    return {
        f"{dashboard.uid}.json": json.dumps(to_json(dashboard, runbook_url=runbook_url), indent=2) + "\n"
        for dashboard in DASHBOARDS
    }


def main() -> None:
    """Write the files, or report those that are out of date."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana", description="Writes the dashboards' JSON.")
    parser.add_argument("--check", action="store_true", help="change nothing, report what is out of date")
    parser.add_argument("--runbook", default=RUNBOOK, metavar="URL", help="your address of docs/runbook.md")
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
