"""A Python that lacks torch, although it is installed: what a worker with petstream[classify] has."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from tests.commands import kept

ROOT: Final = Path(__file__).parents[1]
LACKING: Final = ("torch", "torchvision", "timm", "safetensors")
"""The modules of the extras `torch` and `model`."""

_HIDE: Final = f"""
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        is_hidden = fullname.partition(".")[0] in {LACKING}
        return None if is_hidden else super().find_spec(fullname, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def run(program: str, given: object, folder: Path) -> Any:
    """
    The JSON that a program prints last. It gets ``given`` as JSON in ``sys.argv[1]``.

    ``folder`` is its home. Python imports sitecustomize before anything else, in the program and in its children.
    """
    (folder / "sitecustomize.py").write_text(_HIDE)
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(given)],
        cwd=ROOT,
        env=kept() | {"PYTHONPATH": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
