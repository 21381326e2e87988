"""Both buckets of a run: the world's, which keeps versions, and one that keeps none. They share a queue."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.local.buckets import UPLOADS_PREFIX
from tests.chaos.plan import UNVERSIONED_FOLDER
from tests.world import World

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef

SUFFIX: Final = "-unversioned"


@dataclass(frozen=True, slots=True)
class Storing:
    """Puts each object into the bucket that its key belongs to, past every proxy."""

    world: World

    @property
    def unversioned(self) -> str:
        """The other bucket's name."""
        return self.world.bucket + SUFFIX

    @property
    def buckets(self) -> tuple[str, str]:
        """Both."""
        return self.world.bucket, self.unversioned

    def create(self) -> None:
        """The bucket without versions, whose uploads are told to the world's queue, too."""
        objects = self.world.stack.objects
        objects.s3.create_bucket(Bucket=self.unversioned)
        notifications = objects.s3.get_bucket_notification_configuration(Bucket=self.world.bucket)
        arn = notifications["QueueConfigurations"][0]["QueueArn"]
        policy = objects.sqs.get_queue_attributes(QueueUrl=self.world.queue_url, AttributeNames=["Policy"])
        allowed = json.loads(policy["Attributes"]["Policy"])
        allowed["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"] = [
            f"arn:aws:s3:::{bucket}" for bucket in self.buckets
        ]
        objects.sqs.set_queue_attributes(QueueUrl=self.world.queue_url, Attributes={"Policy": json.dumps(allowed)})
        told: QueueConfigurationTypeDef = {
            "QueueArn": arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": UPLOADS_PREFIX}]}},
        }
        objects.s3.put_bucket_notification_configuration(
            Bucket=self.unversioned, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def put(self, key: str, data: bytes, user: str | None = None) -> tuple[str | None, str]:
        """Its version, None where there is none, and its etag."""
        metadata = {} if user is None else {"user-name": user}
        answer = self.world.stack.objects.s3.put_object(Bucket=self._bucket(key), Key=key, Body=data, Metadata=metadata)
        return answer.get("VersionId"), answer["ETag"].strip('"')

    def delete(self, key: str, version_id: str | None) -> None:
        """So that nothing is left of this version."""
        version: dict[str, Any] = {} if version_id is None else {"VersionId": version_id}
        self.world.stack.objects.s3.delete_object(Bucket=self._bucket(key), Key=key, **version)

    def _bucket(self, key: str) -> str:
        return self.unversioned if key.startswith(UNVERSIONED_FOLDER) else self.world.bucket
