"""deploy/aws created for real in an emulator that enforces IAM: what must be allowed is, what must not is denied."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from streams.contracts.topics import TOPICS
from streams.kafka.permissions import PERMISSIONS
from tests.deploy.cloud import ACCOUNT, REGION
from tests.deploy.stacks import EKS_CLUSTER, KAFKA_CLUSTER, Deployed

ROLES: Final = {
    "bridge": "BridgeRoleArn",
    "classify": "ClassifierRoleArn",
    "sink": "SinkRoleArn",
    "reconcile": "ReconcileRoleArn",
    "migrator": "MigratorRoleArn",
    "operator": "OperatorRoleArn",
}
KEY: Final = "uploads/ann/cat.jpg"
DENIED: Final = ("AccessDenied", "AccessDeniedException", "403")


@pytest.fixture(scope="session")
def keys(deployed: Deployed) -> dict[str, Any]:
    deployed.cloud.client("s3").put_object(Bucket=deployed.ingest["S3Bucket"], Key=KEY, Body=b"a cat")
    deployed.cloud.client("s3").put_object(Bucket=deployed.ingest["S3Bucket"], Key="private/cat.jpg", Body=b"a cat")
    return {role: deployed.cloud.assume(deployed.roles[arn]) for role, arn in ROLES.items()}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and the roles that may make it."""

    what: str
    service: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    may: frozenset[str] = frozenset()


def _may(*roles: str) -> frozenset[str]:
    return frozenset(roles)


NOW: Final = {"WaitTimeSeconds": 0, "VisibilityTimeout": 0}
ATTEMPTS: Final = [
    Attempt("take messages", "sqs", "receive_message", NOW, _may("bridge")),
    Attempt(
        "look at the queue", "sqs", "get_queue_attributes", {"AttributeNames": ["All"]}, _may("bridge", "operator")
    ),
    Attempt("send a message", "sqs", "send_message", {"MessageBody": "forged"}),
    Attempt("empty the queue", "sqs", "purge_queue"),
    Attempt("delete the queue", "sqs", "delete_queue"),
    Attempt("change the queue", "sqs", "set_queue_attributes", {"Attributes": {"VisibilityTimeout": "0"}}),
    Attempt("read a picture", "s3", "get_object", {"Key": KEY}, _may("classify")),
    Attempt("read elsewhere in the bucket", "s3", "get_object", {"Key": "private/cat.jpg"}),
    Attempt("list the bucket", "s3", "list_objects_v2", {}, _may("classify", "reconcile", "operator")),
    Attempt("look at the bucket", "s3", "head_bucket", {}, _may("classify", "reconcile", "operator")),
    Attempt("ask for versioning", "s3", "get_bucket_versioning", {}, _may("classify", "operator")),
    Attempt("write a picture", "s3", "put_object", {"Key": KEY, "Body": b"forged"}),
    Attempt("delete a picture", "s3", "delete_object", {"Key": KEY}),
    Attempt("delete the bucket", "s3", "delete_bucket"),
    Attempt("read the bucket's policy", "s3", "get_bucket_policy"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.what)
def test_who_may_do_this_may_and_nobody_else(attempt: Attempt, deployed: Deployed, keys: dict[str, Any]) -> None:
    place = {
        "sqs": {"QueueUrl": deployed.ingest["SqsQueueUrl"]},
        "s3": {"Bucket": deployed.ingest["S3Bucket"]},
    }[attempt.service]
    may = {
        role
        for role in ROLES
        if allowed(
            deployed.cloud.client(attempt.service, keys[role]), attempt.operation, {**place, **attempt.arguments}
        )
    }
    assert may == attempt.may


def allowed(client: Any, operation: str, arguments: dict[str, Any]) -> bool:
    try:
        getattr(client, operation)(**arguments)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in DENIED:
            raise
        return False
    return True


def test_the_bridge_deletes_and_extends_what_it_took_and_touches_no_dead_letter(
    deployed: Deployed, keys: dict[str, Any]
) -> None:
    url = deployed.ingest["SqsQueueUrl"]
    deployed.cloud.client("sqs").send_message(QueueUrl=url, MessageBody="one more")
    sqs = deployed.cloud.client("sqs", keys["bridge"])
    taken = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)["Messages"][0]["ReceiptHandle"]
    entry = {"Id": "0", "ReceiptHandle": taken}
    extended = sqs.change_message_visibility_batch(QueueUrl=url, Entries=[entry | {"VisibilityTimeout": 60}])
    assert extended["Successful"]
    assert sqs.delete_message_batch(QueueUrl=url, Entries=[entry])["Successful"]
    assert not allowed(sqs, "receive_message", {"QueueUrl": deployed.ingest["DeadLettersUrl"]})


def test_the_classifier_reads_the_version_that_the_event_names_and_is_told_what_is_missing(
    deployed: Deployed, keys: dict[str, Any]
) -> None:
    bucket, s3 = deployed.ingest["S3Bucket"], deployed.cloud.client("s3", keys["classify"])
    old = s3.get_object(Bucket=bucket, Key=KEY)["VersionId"]
    deployed.cloud.client("s3").put_object(Bucket=bucket, Key=KEY, Body=b"another cat")
    assert s3.get_object(Bucket=bucket, Key=KEY, VersionId=old)["Body"].read() == b"a cat"
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="uploads/ann/none.jpg")


def test_nobody_may_come_unencrypted(deployed: Deployed, keys: dict[str, Any]) -> None:
    cloud, ingest = deployed.cloud, deployed.ingest
    s3 = cloud.client("s3", keys["classify"], as_if_unencrypted=True)
    assert not allowed(s3, "get_object", {"Bucket": ingest["S3Bucket"], "Key": KEY})
    assert not allowed(s3, "list_objects_v2", {"Bucket": ingest["S3Bucket"]})
    sqs = cloud.client("sqs", keys["bridge"], as_if_unencrypted=True)
    assert not allowed(sqs, "receive_message", {"QueueUrl": ingest["SqsQueueUrl"], "WaitTimeSeconds": 0})


def test_only_this_bucket_may_tell_the_queue(deployed: Deployed) -> None:
    s3 = deployed.cloud.client("s3")
    s3.create_bucket(Bucket="somebody-elses-pets")
    told = {"QueueConfigurations": [{"QueueArn": deployed.ingest["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]}
    with pytest.raises(ClientError, match="Unable to validate"):
        s3.put_bucket_notification_configuration(Bucket="somebody-elses-pets", NotificationConfiguration=told)
    policy = json.loads(
        deployed.cloud.client("sqs").get_queue_attributes(
            QueueUrl=deployed.ingest["SqsQueueUrl"], AttributeNames=["Policy"]
        )["Attributes"]["Policy"]
    )
    (may,) = (each for each in policy["Statement"] if each["Effect"] == "Allow")
    assert may["Condition"] == {
        "ArnEquals": {"aws:SourceArn": deployed.ingest["BucketArn"]},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


def test_the_bucket_is_private_versioned_and_encrypted(deployed: Deployed) -> None:
    s3, bucket = deployed.cloud.client("s3"), {"Bucket": deployed.ingest["S3Bucket"]}
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_the_queue_keeps_messages_as_long_as_it_can_and_sets_bad_ones_aside(deployed: Deployed) -> None:
    sqs = deployed.cloud.client("sqs")
    queue, dead = (
        sqs.get_queue_attributes(QueueUrl=deployed.ingest[name], AttributeNames=["All"])["Attributes"]
        for name in ("SqsQueueUrl", "DeadLettersUrl")
    )
    for each in (queue, dead):
        assert each["MessageRetentionPeriod"] == "1209600"
        assert int(each["MaximumMessageSize"]) >= 65_536
        assert each["SqsManagedSseEnabled"] == "true"
    assert json.loads(queue["RedrivePolicy"])["deadLetterTargetArn"] == dead["QueueArn"]
    assert json.loads(dead["RedriveAllowPolicy"])["sourceQueueArns"] == [queue["QueueArn"]]


def test_the_cluster_has_a_writer_and_a_reader_and_is_protected(deployed: Deployed) -> None:
    rds = deployed.cloud.client("rds")
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="petstream")["DBClusters"]
    assert cluster["DeletionProtection"]
    assert cluster["StorageEncrypted"]
    assert cluster["BackupRetentionPeriod"] == 14
    assert cluster["IAMDatabaseAuthenticationEnabled"]
    scaling = cluster["ServerlessV2ScalingConfiguration"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"]) == (0.5, 8.0)
    instances = rds.describe_db_instances()["DBInstances"]
    assert sorted(each["AvailabilityZone"] for each in instances) == [REGION + "a", REGION + "b"]
    assert deployed.database["DatabaseHost"] == cluster["Endpoint"]
    assert deployed.database["DatabaseReaderHost"] == cluster["ReaderEndpoint"]


def test_alarms_watch_what_can_go_wrong_and_tell_the_topic(deployed: Deployed) -> None:
    alarms = deployed.cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {(each["Namespace"], each["MetricName"]) for each in alarms} >= {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/RDS", "CPUUtilization"),
        ("AWS/RDS", "ACUUtilization"),
        ("AWS/RDS", "AuroraReplicaLagMaximum"),
        ("AWS/RDS", "Deadlocks"),
        ("AWS/RDS", "FreeableMemory"),
    }
    assert {action for each in alarms for action in each["AlarmActions"]} == {deployed.ingest["AlarmTopicArn"]}
    watched = {d["Value"] for each in alarms for d in each["Dimensions"]}
    assert watched == {"petstream-ingest-uploads", "petstream-ingest-uploads-dead-letters", "petstream"}


# --- what the emulator has no service for: its simulation of policies, and the documents themselves ------------------

ARN: Final = f"arn:aws:kafka:{REGION}:{ACCOUNT}:{{kind}}/{KAFKA_CLUSTER}{{name}}"
IN_THE_WORDS_OF_MSK: Final = {
    ("READ", "topic"): {"kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"},
    ("WRITE", "topic"): {"kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"},
    ("CREATE", "topic"): {"kafka-cluster:CreateTopic"},
    ("DESCRIBE_CONFIGS", "topic"): {"kafka-cluster:DescribeTopicDynamicConfiguration"},
    ("READ", "group"): {"kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"},
    ("DESCRIBE", "group"): {"kafka-cluster:DescribeGroup"},
}


def statements(deployed: Deployed, role: str) -> list[dict[str, Any]]:
    return deployed.cloud.statements(deployed.roles[role].rpartition("/")[2])


def grants(found: list[dict[str, Any]], service: str) -> set[tuple[str, str]]:
    def listed(value: Any) -> list[str]:
        return [value] if isinstance(value, str) else value

    return {
        (action, resource)
        for each in found
        for action in listed(each["Action"])
        for resource in listed(each["Resource"])
        if action.startswith(service + ":") and each["Effect"] == "Allow"
    }


@pytest.mark.parametrize("role", ["bridge", "classify", "sink", "reconcile", "operator"])
def test_msk_grants_what_the_acls_grant_and_no_more(role: str, deployed: Deployed) -> None:
    wanted = {("kafka-cluster:Connect", ARN.format(kind="cluster", name=""))}
    for permission in PERMISSIONS[role]:
        for action in IN_THE_WORDS_OF_MSK[permission.operation, permission.resource]:
            wanted.add((action, ARN.format(kind=permission.resource, name=f"/{permission.name}")))
    assert grants(statements(deployed, ROLES[role]), "kafka-cluster") == wanted


def test_kedas_operator_looks_and_reads_nothing(deployed: Deployed) -> None:
    granted = grants(statements(deployed, "ScalerRoleArn"), "kafka-cluster")
    assert {action for action, _ in granted} == {
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:DescribeGroup",
    }


@pytest.mark.parametrize(
    ("role", "user"),
    [
        ("sink", "petstream_writer"),
        ("reconcile", "petstream_reader"),
        ("migrator", "petstream_migrator"),
        ("operator", "petstream_reader"),
    ],
)
def test_a_role_enters_the_database_as_its_own_user_alone(role: str, user: str, deployed: Deployed) -> None:
    place = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{deployed.database['ClusterResourceId']}"
    assert grants(statements(deployed, ROLES[role]), "rds-db") == {("rds-db:connect", f"{place}/{user}")}
    for other in ("petstream_writer", "petstream_migrator", "petstream_reader", "petstream_admin", "rds_superuser"):
        decision = simulate(deployed, role, "rds-db:connect", f"{place}/{other}")
        assert (decision == "allowed") == (other == user), other


@pytest.mark.parametrize("role", ["bridge", "classify"])
def test_neither_bridge_nor_classifier_can_enter_the_database(role: str, deployed: Deployed) -> None:
    assert not grants(statements(deployed, ROLES[role]), "rds-db")


def simulate(deployed: Deployed, role: str, action: str, resource: str) -> str:
    answer = deployed.cloud.client("iam").simulate_principal_policy(
        PolicySourceArn=deployed.roles[ROLES[role]], ActionNames=[action], ResourceArns=[resource]
    )
    decision: str = answer["EvaluationResults"][0]["EvalDecision"]
    return decision


@pytest.mark.parametrize("role", ["bridge", "classify", "sink", "reconcile"])
def test_a_process_reaches_its_own_topics_alone(role: str, deployed: Deployed) -> None:
    mine = {(p.operation, p.name) for p in PERMISSIONS[role] if p.resource == "topic"}
    for topic in (*(topic.name for topic in TOPICS), "somebody-elses"):
        for operation, action in (("READ", "ReadData"), ("WRITE", "WriteData"), ("DELETE", "DeleteTopic")):
            arn = ARN.format(kind="topic", name=f"/{topic}")
            decision = simulate(deployed, role, f"kafka-cluster:{action}", arn)
            assert (decision == "allowed") == ((operation, topic) in mine), (operation, topic)


def test_no_role_has_a_wildcard_for_an_action_or_every_resource(deployed: Deployed) -> None:
    for arn in ROLES.values():
        for each in statements(deployed, arn):
            assert each["Effect"] == "Allow"
            assert "*" not in json.dumps(each["Action"])
            assert "*" not in json.dumps(each["Resource"]).removesuffix('/uploads/*"')


def test_only_a_pod_with_its_own_service_account_gets_a_role(deployed: Deployed) -> None:
    fresh = deployed.cloud.create(
        "petstream-untouched",
        "roles.yaml",
        {
            "BucketArn": deployed.ingest["BucketArn"],
            "QueueArn": deployed.ingest["QueueArn"],
            "ClusterResourceId": deployed.database["ClusterResourceId"],
            "KafkaCluster": KAFKA_CLUSTER,
            "EksClusterArn": EKS_CLUSTER,
        },
    )
    accounts = {}
    for output, arn in fresh.items():
        role = deployed.cloud.client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert set(trust["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
        tags = trust["Condition"]["StringEquals"]
        assert tags["aws:RequestTag/eks-cluster-arn"] == EKS_CLUSTER
        accounts[output] = (
            tags["aws:RequestTag/kubernetes-namespace"],
            tags["aws:RequestTag/kubernetes-service-account"],
        )
    assert accounts == {
        "BridgeRoleArn": ("petstream", "bridge"),
        "ClassifierRoleArn": ("petstream", "classifier"),
        "SinkRoleArn": ("petstream", "sink"),
        "ReconcileRoleArn": ("petstream", "reconcile"),
        "MigratorRoleArn": ("petstream", "migrator"),
        "OperatorRoleArn": ("petstream", "operator"),
        "ScalerRoleArn": ("keda", "keda-operator"),
    }


def test_without_msk_no_role_speaks_of_kafka_and_ecs_gets_the_roles_that_ask_for_it(deployed: Deployed) -> None:
    roles = deployed.cloud.create(
        "petstream-on-ecs",
        "roles.yaml",
        {
            "Platform": "ecs",
            "BucketArn": deployed.ingest["BucketArn"],
            "QueueArn": deployed.ingest["QueueArn"],
            "ClusterResourceId": deployed.database["ClusterResourceId"],
            "KmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
            "ModelObjectArn": "arn:aws:s3:::models/petstream.pt",
        },
    )
    assert "ScalerRoleArn" not in roles
    there = Deployed(deployed.cloud, deployed.ingest, deployed.database, roles)
    for arn in ROLES.values():
        assert not grants(statements(there, arn), "kafka-cluster")
    read = grants(statements(there, "ClassifierRoleArn"), "s3")
    assert ("s3:GetObject", "arn:aws:s3:::models/petstream.pt") in read
    assert grants(statements(there, "ClassifierRoleArn"), "kms")
    role = deployed.cloud.client("iam").get_role(RoleName=roles["SinkRoleArn"].rpartition("/")[2])["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
