"""Prometheus on loopback, with given targets. `python -m deploy.local.prometheus` fetches it."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.errors import LocalPartError, PartUnavailable
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.processes import ChildProcess
from deploy.local.prometheus_binaries import find_prometheus

_START_TIMEOUT_SECONDS = 180.0
_ANSWER_TIMEOUT_SECONDS = 30.0
# Without the environment's proxy.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class QueryError(LocalPartError):
    """Prometheus refused a query; the message has its words."""


class Prometheus:
    """
    One server with its own settings and data.

    Args:
        directory: Holds settings, data and log.
        targets: Addresses such as "127.0.0.1:9100", by the name of their job.
        scrape_seconds: Between two scrapes, at least 1.
        rule_files: Alert rules to evaluate.

    Raises:
        PartUnavailable: if Prometheus cannot be had.
    """

    def __init__(
        self,
        directory: Path,
        targets: Mapping[str, Sequence[str]],
        *,
        scrape_seconds: int = 1,
        rule_files: Sequence[Path] = (),
    ) -> None:
        port = free_port()
        self.url = f"http://{LOOPBACK}:{port}"
        self._settings = {
            "global": {"scrape_interval": f"{scrape_seconds}s", "evaluation_interval": f"{scrape_seconds}s"},
            "rule_files": [str(path.resolve()) for path in rule_files],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                for job, addresses in targets.items()
            ],
        }
        self._directory = directory
        self._process = ChildProcess(
            "prometheus",
            [
                str(find_prometheus().prometheus),
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}",
            ],
            log_path=directory / "prometheus.log",
        )

    def start(self) -> None:
        """Start it and wait until it answers. Raises LocalPartError if it does not."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "prometheus.yml").write_text(json.dumps(self._settings))  # JSON is YAML
        self._process.start()
        self._process.wait_until(self._is_ready, timeout_seconds=_START_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Stop it."""
        self._process.stop()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of an expression, now. Raises QueryError."""
        return self._result("/api/v1/query", query=expression)

    def query_range(self, expression: str, *, start: float, end: float, step_seconds: float) -> list[dict[str, Any]]:
        """The range vector of an expression; ``start`` and ``end`` in Unix seconds. Raises QueryError."""
        return self._result("/api/v1/query_range", query=expression, start=start, end=end, step=step_seconds)

    def get(self, path: str, **parameters: object) -> Any:
        """The ``data`` of an answer of the HTTP API. Raises QueryError."""
        try:
            url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
            with _DIRECT.open(url, timeout=_ANSWER_TIMEOUT_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(f"{parameters}: {error.read().decode()}") from error

    def _result(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        return list(self.get(path, **parameters)["result"])

    def _is_ready(self) -> bool:
        try:
            with _DIRECT.open(f"{self.url}/-/ready", timeout=1.0):
                return True
        except OSError:
            return False


def main() -> None:
    """Fetch the programs into the cache."""
    try:
        found = find_prometheus()
    except PartUnavailable as missing:
        sys.exit(str(missing))
    print(f"  {found.prometheus}")  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
