"""Uploads the demo's pictures to the bucket."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from streams.contracts.identity import image_id
from streams.demo.journey import Journey
from streams.demo.outcomes import Journeys
from streams.demo.pictures import USERS, Pictures, SamplePicture

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADERS: Final = 4
RETRY_SECONDS: Final = 1.0


async def upload(client: "S3Client", bucket: str, pictures: Pictures, journeys: Journeys) -> None:
    """
    Upload every picture under ``uploads/{user}/…`` and begin its journey. At most 2 * UPLOADERS are in memory.

    Retries until the store takes each picture.
    """
    users = cycle(USERS)

    def put(picture: SamplePicture, user: str) -> None:
        key = f"uploads/{user}/{picture.name}"
        identity = image_id(bucket, key)
        journey = Journey(identity, key, picture.expected, time.time(), is_in_store=False)
        journey = journeys.setdefault(identity, journey)
        client.put_object(Bucket=bucket, Key=key, Body=picture.data)
        journey.is_in_store = True

    loop = asyncio.get_running_loop()
    uploaders = ThreadPoolExecutor(UPLOADERS, "upload")

    async def put_with_retries(picture: SamplePicture, user: str) -> None:
        while True:
            try:
                return await loop.run_in_executor(uploaders, put, picture, user)
            except (BotoCoreError, ClientError, OSError):
                await asyncio.sleep(RETRY_SECONDS)

    pending: set[asyncio.Task[None]] = set()
    try:
        for picture in pictures:
            pending.add(asyncio.create_task(put_with_retries(picture, next(users))))
            if len(pending) >= 2 * UPLOADERS:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    future.result()
        await asyncio.gather(*pending)
    finally:
        for task in pending:
            task.cancel()
        uploaders.shutdown(wait=False, cancel_futures=True)  # a hanging upload ends with its store
