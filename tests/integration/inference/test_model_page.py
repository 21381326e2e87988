"""What docs/model-your-own.md tells people to run, runs."""

import re
import subprocess
import sys
from pathlib import Path

from inference.lab.verification import verify

PAGE = (Path(__file__).parents[3] / "docs" / "model-your-own.md").read_text(encoding="utf-8")


def test_the_models_example_gives_a_file_that_is_served(tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, check=True)
    checks = list(verify(tmp_path / "breeds.pt"))
    assert [(check.name, check.detail) for check in checks if not check.passed] == []
    assert checks[-1].name == "openvino"
