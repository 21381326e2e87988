"""
Puts awkward objects into the bucket of compose: ``python -m tests.docker.uploading SEED OBJECTS``.

A process of its own, since it runs in the engine's network. It prints, as JSON, how each object must end.
"""

import json
import sys
from typing import Final

from deploy.local.buckets import ObjectStoreClients
from tests.chaos.plan import pictures, uploads
from tests.photographs import CHELSEA, COFFEE

ENDPOINT: Final = "http://127.0.0.1:4566"
BUCKET: Final = "petstream"


def main(seed: int, objects: int) -> None:
    """Upload them, some of them twice."""
    contents = pictures(CHELSEA.read_bytes(), COFFEE.read_bytes())
    s3 = ObjectStoreClients(ENDPOINT, "us-east-1", "petstream", "petstream").s3
    ends = {}
    for upload in uploads(seed, objects, contents):
        s3.put_object(Bucket=BUCKET, Key=upload.key, Body=upload.data)
        ends[upload.key] = upload.outcome
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
