"""The folder of a stack, temporary unless one is given. Keeps the logs of a failed run."""

import shutil
import tempfile
from pathlib import Path

from deploy.local.cleanup import cleanup


class StackDirectory:
    """
    One folder. `release` removes a temporary one, or the cleanup process if this process ends before that.

    Args:
        directory: A folder to keep; None for a temporary one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._is_temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="petstream-")) if directory is None else directory.absolute()
        if self._is_temporary:
            cleanup.remove(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        # Other users may enter but not list it: run by root, PostgreSQL runs as another user, in a folder of its own.
        self.directory.chmod(0o711)

    def keep_logs(self) -> Path | None:
        """Keep the logs: the folder itself, or a copy if it is temporary. None if there are no logs."""
        logs = list(self.directory.glob("*/*.log"))  # not deeper: Kafka's own .log files are data
        if not logs:
            return None
        if not self._is_temporary:
            return self.directory
        kept = Path(tempfile.mkdtemp(prefix="petstream-logs-"))
        for log in logs:
            (kept / log.parent.name).mkdir(exist_ok=True)
            shutil.copyfile(log, kept / log.parent.name / log.name)
        return kept

    def release(self) -> None:
        """Remove the folder if it is temporary. Its processes must have ended."""
        if self._is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():  # else the cleanup process tries again
                cleanup.keep(self.directory)
