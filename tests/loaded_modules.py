"""What a fresh Python has loaded after imports: a role must not need the packages of another, nor wait for them."""

import json
import subprocess
import sys

_PROGRAM = """
import importlib, json, sys
for stage in json.loads(sys.argv[1]):
    for module in stage:
        importlib.import_module(module)
    print(json.dumps(sorted(sys.modules)))
"""


def after(*stages: list[str]) -> list[set[str]]:
    """All modules that one process has after each stage of imports. What is not there after two, neither needs."""
    command = [sys.executable, "-c", _PROGRAM, json.dumps(stages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [set(json.loads(line)) for line in done.stdout.splitlines()]
