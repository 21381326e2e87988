"""What two trainings leave of five pictures, for the card of a cascade."""

import csv
import json
from pathlib import Path
from typing import Any, Final

from inference.lab.held_out import table_of

SMALL: Final = "efficientnet-lite0"
LARGE: Final = "efficientnet-lite2"
ROWS: Final = {  # file: label, the small network's scores, the large one's
    "1.jpg": ("cat", (0.99, 0.01, 0.0), (0.98, 0.02, 0.0)),
    "2.jpg": ("dog", (0.6, 0.3, 0.1), (0.1, 0.9, 0.0)),
    "3.jpg": ("neither", (0.5, 0.1, 0.4), (0.2, 0.0, 0.8)),
    "4.jpg": ("neither", (0.7, 0.0, 0.3), (0.9, 0.0, 0.1)),
    "5.jpg": ("dog", (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)),
}


def write_one(folder: Path, arch: str, at: int, rows: dict[str, Any] = ROWS, folds: Any = (["a"], ["b"])) -> None:
    """One training: weights that are none, a card, the table."""
    (folder / f"{arch}.safetensors").write_bytes(arch.encode())
    figures = {"cross_validation": {"folds": folds, "figures": {"pictures": len(rows)}}}
    (folder / f"{arch}.json").write_text(json.dumps(figures))
    with table_of(folder / f"{arch}.safetensors").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "label", "slice", "cat", "dog", "neither"))
        table.writerows((name, row[0], "web", *row[at]) for name, row in rows.items())


def write(folder: Path) -> None:
    """Both trainings. With rule large, 0.65 is the least threshold that is as good as the large network."""
    write_one(folder, SMALL, 1)
    write_one(folder, LARGE, 2)
