"""
The bytes of an object from S3, or why there are none.

Two readers, one table of verdicts (verdicts.py): docs/decisions/0013.
"""

from typing import Any

from streams.classify.boto3_reader import Boto3Reader
from streams.classify.obstore_reader import ObstoreReader
from streams.classify.store import Reading, StoredImage
from streams.notifications.upload import ImageUploaded


class S3Images:
    """
    Reads objects of any bucket of one S3 endpoint.

    Args:
        client: a boto3 S3 client, for what obstore cannot express.
        store_options: keyword arguments of obstore's S3Store, without the bucket.
    """

    def __init__(self, client: Any, **store_options: Any) -> None:
        self._obstore = ObstoreReader(**store_options)
        self._boto3 = Boto3Reader(client)

    async def fetch(self, upload: ImageUploaded, max_bytes: int, reading: Reading) -> StoredImage:
        """
        The bytes of the uploaded version, where the bucket has versions; else of what the object is now.

        It waits for room once the head of the response states how many bytes will come: for those of the first part,
        and for all once that has come. Without a stated number, for ``max_bytes``. The notification's size plays no
        part.

        Raises:
            FetchError: whatever the store answers, and nothing else.
        """
        stored = await self._obstore.fetch(upload, max_bytes, reading)
        return stored if stored is not None else await self._boto3.fetch(upload, max_bytes, reading)
