"""``petstream health``: queries the health of a process on this machine. For container health checks."""

import json
import urllib.error
import urllib.request
from typing import Any, Final

from streams.runtime.error_text import error_text
from streams.runtime.errors import MendableError
from streams.runtime.settings import ServiceSettings

TIMEOUT_SECONDS: Final = 3.0

_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
# The process is on this machine: ignore the proxies of the environment.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotAnsweringError(MendableError):
    """Nothing answers at HEALTH_HOST and HEALTH_PORT."""


def ask(settings: ServiceSettings, path: str) -> tuple[bool, dict[str, Any]]:
    """
    Query ``path`` (/health, /health/live or /health/ready): whether the status is a success, and the body.

    Raises:
        NotAnsweringError: if nothing answers within TIMEOUT_SECONDS.
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
        why = error_text(error) if isinstance(error, OSError) else "the answer is not petstream's"
        raise NotAnsweringError(
            f"{url} does not answer ({why})", "is the process running, with this HEALTH_HOST and HEALTH_PORT?"
        ) from error
