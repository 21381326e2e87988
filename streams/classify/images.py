"""
Reads the bytes of an object from S3.

Two readers share one table of verdicts (verdicts.py): docs/decisions/0013.
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
        The bytes of the uploaded version if the bucket is versioned, else of the object as it is now.

        It waits for room once the head of the response states the length: for the first part, and for all of it once
        that part has arrived. Without a stated length, it waits for room for ``max_bytes``. The size in the
        notification is not used.

        Raises:
            FetchError: the only error, whatever the store answers.
        """
        stored = await self._obstore.fetch(upload, max_bytes, reading)
        return stored if stored is not None else await self._boto3.fetch(upload, max_bytes, reading)
