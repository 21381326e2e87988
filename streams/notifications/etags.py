"""The normal form of an etag, for storing and comparing. Pure."""


def bare(etag: str | None) -> str | None:
    """
    The etag without quotes and without ``W/``; None if it is empty.

    Servers that compress a response weaken its etag (``W/``, RFC 9110, section 8.8.1), while the listing has the strong
    one. Without this, each reconciliation would find the same object outdated.
    """
    return (etag or "").removeprefix("W/").strip('"') or None
