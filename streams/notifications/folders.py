"""What is a folder and no picture: one rule for notifications, backfill and reconcile. Pure."""


def is_folder(key: str, size_bytes: int | None) -> bool:
    """
    Whether it is what consoles create to show a folder: an empty object whose key ends in a slash.

    One of unknown size is none: Ceph and others may leave the size out, and an object may be named so and hold bytes.
    """
    return size_bytes == 0 and key.endswith("/")
