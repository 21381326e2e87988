"""PostgreSQL refuses to run as root. When we are root, it runs as a user that owns nothing else."""

import os
import stat
from pathlib import Path

from deploy.local.errors import LocalPartError

NOBODY = 65_534  # the overflow uid, nobody on Linux; it need not exist


def unprivileged_uid() -> int | None:
    """The user to become, or None where we are an ordinary user already."""
    return NOBODY if os.geteuid() == 0 else None


def others_may_reach(path: Path) -> bool:
    """Whether any user may pass through every folder above the path, and read or enter the path itself."""
    resolved = path.resolve()
    needed = stat.S_IROTH | stat.S_IXOTH if resolved.is_dir() else stat.S_IROTH
    if resolved.stat().st_mode & needed != needed:
        return False
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in resolved.parents)


def give_to(uid: int | None, folder: Path) -> None:
    """
    Make a private folder that belongs to this user, reachable for it.

    Raises:
        LocalPartError: if a folder above it is closed to that user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if uid is None:
        return
    os.chown(folder, uid, uid)
    closed = [parent for parent in folder.resolve().parents if not parent.stat().st_mode & stat.S_IXOTH]
    if closed:
        raise LocalPartError(
            f"PostgreSQL does not run as root, and user {uid} cannot enter {closed[-1]}: "
            f"choose another directory, or `chmod o+x {closed[-1]}`"
        )
