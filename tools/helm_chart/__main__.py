"""Writes the Helm chart: ``python -m tools.helm_chart``; with ``--check``, only compares it."""

from pathlib import Path
from typing import Final

from tools.generated import write_or_check
from tools.helm_chart.schema import schema
from tools.helm_chart.templates import templates
from tools.helm_chart.values import chart, values

DIRECTORY: Final = Path("deploy/helm/petstream")


def files() -> dict[Path, str]:
    """The text of each generated file."""
    made = {"Chart.yaml": chart(), "values.yaml": values(), "values.schema.json": schema()}
    return {DIRECTORY / name: text for name, text in made.items()} | {
        DIRECTORY / "templates" / name: text for name, text in templates().items()
    }


def main() -> None:
    """Write the files; with ``--check``, only check them."""
    write_or_check(files(), "tools.helm_chart")


if __name__ == "__main__":
    main()
