"""Recognises folder markers; one rule for notifications, backfill and reconcile. Pure."""


def is_folder(key: str, size_bytes: int | None) -> bool:
    """
    Whether the object is a folder marker, as S3 consoles create them: empty, with a key that ends in a slash.

    An object of unknown size is none: Ceph and others may omit the size, and such a key may hold a picture.
    """
    return size_bytes == 0 and key.endswith("/")
