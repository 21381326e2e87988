"""``petstream health``: asks a process on this machine how it is. What a container's health check calls."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

from streams.runtime.errors import MendableError
from streams.runtime.settings import ServiceSettings

TIMEOUT_SECONDS: Final = 3.0

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
# Straight to the process beside us, whatever proxy the environment names.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotAnsweringError(MendableError):
    """Nothing answers where HEALTH_HOST and HEALTH_PORT say."""


def ask(settings: ServiceSettings, path: str) -> tuple[bool, dict[str, Any]]:
    """
    Whether the process says yes at ``path`` (/health, /health/live, /health/ready), and all that it says.

    Raises:
        NotAnsweringError: if nothing answers there within TIMEOUT_SECONDS.
    """
    host = "127.0.0.1" if settings.health_host in _EVERYWHERE else settings.health_host
    url = f"http://{host}:{settings.health_port}{path}"
    try:
        with _DIRECT.open(url, timeout=TIMEOUT_SECONDS) as answer:
            return True, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return False, json.load(refusal)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", error)  # without urllib's brackets around what the system said
        raise NotAnsweringError(
            f"{url} does not answer ({why})", "is the process running, with this HEALTH_HOST and HEALTH_PORT?"
        ) from error
