"""
"Forbidden": this object's fault, or ours? Only evidence decides. Pure.

A 403 may mean one object's own policy, or credentials that expired for every object. An object is given up only if
another one of the same bucket can be read at that time: then the credentials are good. Until then it is an outage,
whatever the code says, and nothing is rejected.
"""

from streams.uploads import ImageUploaded


class Evidence:
    """Remembers, by bucket, how many objects were read and which was the last: a refusal asks for both."""

    def __init__(self) -> None:
        self._reads: dict[str, int] = {}
        self._last: dict[str, ImageUploaded] = {}

    def read(self, upload: ImageUploaded) -> None:
        """An object was read."""
        self._reads[upload.bucket] = self._reads.get(upload.bucket, 0) + 1
        self._last[upload.bucket] = upload

    def reads(self, bucket: str) -> int:
        """How many objects of the bucket have been read so far."""
        return self._reads.get(bucket, 0)

    def witness(self, refused: ImageUploaded) -> ImageUploaded | None:
        """Another object of the bucket that could be read before; whether it still can tells whose fault it is."""
        last = self._last.get(refused.bucket)
        return last if last is not None and last.key != refused.key else None
