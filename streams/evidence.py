"""
"Forbidden": this object's fault, or ours? Only evidence decides. Pure.

A 403 may mean one object's own policy, or credentials that expired for every object. An object is given up only after
another one of the same bucket was read while it was being refused: then the credentials are good. Until then it is an
outage, whatever the code says, and nothing is rejected.
"""


class Evidence:
    """Counts successful reads by bucket, so that a refusal can ask whether others succeed meanwhile."""

    def __init__(self) -> None:
        self._reads: dict[str, int] = {}

    def read(self, bucket: str) -> None:
        """An object of the bucket was read."""
        self._reads[bucket] = self._reads.get(bucket, 0) + 1

    def reads(self, bucket: str) -> int:
        """How many objects of the bucket have been read so far."""
        return self._reads.get(bucket, 0)
