"""An etag in the one form in which etags are stored and compared. Pure."""


def bare(etag: str | None) -> str | None:
    """
    The etag without quotes, and without ``W/``; None for an empty one.

    Proxies and stores that compress an answer call its etag weak (RFC 9110, section 8.8.1), where the listing has the
    strong one: the object is the same. Compared as they are, each reconciliation would find it outdated.
    """
    return (etag or "").removeprefix("W/").strip('"') or None
