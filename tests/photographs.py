"""Two photographs of the demo (CC0, see NOTICE): a cat, and a cup of coffee. Importing the demo would take a second."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parents[1] / "streams" / "demo" / "photographs"
CHELSEA: Final = _FOLDER / "chelsea.png"
COFFEE: Final = _FOLDER / "coffee.png"
