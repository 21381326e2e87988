"""S3 notifications as tests need them."""

import json
from urllib.parse import quote_plus


def notification(*keys: str, sequencer: str = "0A") -> bytes:
    records = [
        {
            "eventSource": "aws:s3",
            "eventTime": "2026-11-23T20:00:00Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "pets"}, "object": {"key": quote_plus(key), "sequencer": sequencer}},
        }
        for key in keys
    ]
    return json.dumps({"Records": records}).encode()
