"""A picture's whole way through deploy/aws in an emulator: each process with its own role, IAM enforced, over TLS."""

from collections.abc import Mapping

from streams.contracts.identity import image_id
from tests.deploy.cloud import REGION
from tests.deploy.stacks import Deployed
from tests.world import World, metric


def environment(deployed: Deployed, role: str) -> Mapping[str, str]:
    """What the process of a role gets on AWS: the stack's outputs, and its role's credentials."""
    access, secret, *session = deployed.cloud.assume(deployed.roles[role])
    return {
        "AWS_REGION": REGION,
        "S3_BUCKET": deployed.ingest["S3Bucket"],
        "SQS_QUEUE_URL": deployed.ingest["SqsQueueUrl"],
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": session[0],
        "S3_ENDPOINT_URL": deployed.cloud.endpoint_url,
        "AWS_CA_BUNDLE": str(deployed.cloud.authority),  # boto3's
        "SSL_CERT_FILE": str(deployed.cloud.authority),  # obstore's
    }


def test_an_uploaded_picture_becomes_a_row_and_one_beside_the_prefix_does_not(
    world: World, deployed: Deployed, chelsea: bytes, coffee: bytes
) -> None:
    bucket, s3 = deployed.ingest["S3Bucket"], deployed.cloud.client("s3")
    s3.put_object(Bucket=bucket, Key="elsewhere/ann/chelsea.png", Body=chelsea)
    s3.put_object(Bucket=bucket, Key="uploads/ann/chelsea.png", Body=chelsea)
    s3.put_object(Bucket=bucket, Key="uploads/bob/a+b é.png", Body=coffee)
    s3.put_object(Bucket=bucket, Key="uploads/ann/gone.png", Body=chelsea)
    # What is gone answers as missing and not as forbidden, which would be waited for.
    version = s3.head_object(Bucket=bucket, Key="uploads/ann/gone.png")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="uploads/ann/gone.png", VersionId=version)
    (bridge,) = world.start("bridge", env=environment(deployed, "BridgeRoleArn"))
    world.start("classify", env=environment(deployed, "ClassifierRoleArn"))
    world.start("sink")
    keys = ("uploads/ann/chelsea.png", "uploads/bob/a+b é.png", "uploads/ann/gone.png")
    outcomes = world.wait_outcomes(*keys)
    assert [outcomes[key] for key in keys] == ["cat", "not_a_pet", "missing"]
    (row,) = world.rows(
        "SELECT id, user_name, image_url FROM classification_records WHERE source_key = %s", "uploads/ann/chelsea.png"
    )
    assert row == {
        "id": image_id(bucket, "uploads/ann/chelsea.png"),
        "user_name": "ann",
        "image_url": f"s3://{bucket}/uploads/ann/chelsea.png",
    }
    sqs = deployed.cloud.client("sqs")

    def left() -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = deployed.ingest["SqsQueueUrl"]
        return sum(int(n) for n in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())

    world.eventually(lambda: left() == 0)
    assert "elsewhere/ann/chelsea.png" not in world.outcomes()
    assert metric(bridge, 'petstream_queue_messages_total{outcome="failed"}') == 0
