"""The folder that a stack lives in: temporary unless one was given, and its logs when the folder goes."""

import shutil
import tempfile
from pathlib import Path

from deploy.local.guardianship import guardianship


class Workplace:
    """
    One folder. A temporary one is removed by `release`, or by the guard if this process ends without it.

    Args:
        directory: A folder to keep; None for a temporary one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._is_temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="petstream-")) if directory is None else directory.absolute()
        if self._is_temporary:
            guardianship.remove(self.directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        # Other users may pass, not look: PostgreSQL runs as one of them when we are root, in a folder of its own.
        self.directory.chmod(0o711)

    def keep_logs(self) -> Path | None:
        """Where the logs of a failed run stay: the folder itself, or a copy if it is temporary. None without logs."""
        logs = list(self.directory.glob("*/*.log"))  # no deeper: what Kafka calls logs is its data
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
        """Remove the folder if it is temporary. Nothing may run in it any more."""
        if self._is_temporary:
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():  # a writer that we do not know of: the guard tries again at the very end
                guardianship.keep(self.directory)
