"""The stacks of deploy/aws in an emulator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.deploy.cloud import REGION, Cloud

KAFKA_CLUSTER: Final = "petstream/6b2f0d4c-1d3e-4a53-9f6e-0f6f6a1b2c3d-s1"
EKS_CLUSTER: Final = "arn:aws:eks:us-east-1:000000000000:cluster/pets"


@dataclass(frozen=True, slots=True)
class Deployed:
    """An emulator, and the outputs of the stacks in it."""

    cloud: Cloud
    ingest: Mapping[str, str]
    database: Mapping[str, str]
    roles: Mapping[str, str]


def deploy(cloud: Cloud) -> Deployed:
    """Create all templates that the emulator can create, in the order of docs/deploying.md."""
    ingest = cloud.create(
        "petstream-ingest", "ingest.yaml", {"BucketName": "pets-of-ours", "AlarmEmail": "a@b.example"}
    )
    database = cloud.create(
        "petstream-database",
        "database.yaml",
        {**_network(cloud, REGION + "a", REGION + "b"), "AlarmTopicArn": ingest["AlarmTopicArn"]},
        without_line="AdminSecretArn:",  # an attribute that Aurora has and the emulator has not
    )
    roles = cloud.create(
        "petstream-roles",
        "roles.yaml",
        {
            "BucketArn": ingest["BucketArn"],
            "QueueArn": ingest["QueueArn"],
            "ClusterResourceId": database["ClusterResourceId"],
            "KafkaCluster": KAFKA_CLUSTER,
            "EksClusterArn": EKS_CLUSTER,
        },
    )
    return Deployed(cloud, ingest, database, roles)


def _network(cloud: Cloud, *zones: str) -> dict[str, str]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate(zones)
    ]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    return {
        "VpcId": vpc,
        "SubnetIds": ",".join(subnets),
        "ClientSecurityGroupId": group,
        "WriterZone": zones[0],
        "ReaderZone": zones[1],
    }
