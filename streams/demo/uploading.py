"""Puts the demo's pictures into the bucket, as any uploader would."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import TYPE_CHECKING, Final

from streams.demo.following import Journeys
from streams.demo.journey import Journey
from streams.demo.pictures import USERS, Picture, Pictures
from streams.identity import image_id

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOADERS: Final = 4


async def upload(client: "S3Client", bucket: str, pictures: Pictures, journeys: Journeys) -> None:
    """Upload every picture under ``uploads/{user}/…`` and begin its journey. Few are in memory at a time."""
    users = cycle(USERS)

    def put(picture: Picture, user: str) -> None:
        key = f"uploads/{user}/{picture.name}"
        identity = image_id(bucket, key)
        journeys[identity] = Journey(identity, key, picture.expected, time.time())
        client.put_object(Bucket=bucket, Key=key, Body=picture.data)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(UPLOADERS, "upload") as uploaders:
        pending: set[asyncio.Future[None]] = set()
        for picture in pictures:
            pending.add(loop.run_in_executor(uploaders, put, picture, next(users)))
            if len(pending) >= 2 * UPLOADERS:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    future.result()
        await asyncio.gather(*pending)
