"""How to install an extra from where this petstream came: an index, a wheel, a repository or a clone."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any
from urllib.parse import unquote


def install_command(extra: str) -> str:
    """The command of pip that adds an extra, or several with commas, ready to be pasted."""
    origin = _origin()
    url = str(origin.get("url", ""))
    if origin.get("dir_info", {}).get("editable"):
        return f"pip install -e '{unquote(url.removeprefix('file://'))}[{extra}]'"
    if repository := origin.get("vcs_info"):
        url = f"{repository['vcs']}+{url}@{repository['commit_id']}"
    return f"pip install 'petstream[{extra}]{url and ' @ '}{url}'"


def _origin() -> dict[str, Any]:
    """What the installer recorded (PEP 610); empty if petstream came from an index, or was not installed."""
    try:
        recorded = distribution("petstream").read_text("direct_url.json")
    except PackageNotFoundError:
        return {}
    return dict(json.loads(recorded)) if recorded else {}
