"""Access control lists on a real broker. aiokafka's admin client speaks of them only in its protocol's own words."""

from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from streams.kafka.permissions import PERMISSIONS

# Kafka protocol: ResourceType, PatternType, Operation, PermissionType.
RESOURCE: Final = {"topic": 2, "group": 3}
OPERATION: Final = {"READ": 3, "WRITE": 4, "CREATE": 5, "DESCRIBE": 8, "DESCRIBE_CONFIGS": 10}
LITERAL: Final = 3
ALLOW: Final = 3


async def allow(servers: str, role: str, principal: str, *, prefix: str) -> None:
    """Give a role to a principal, by the plain listener, whose user may do everything."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        for each in PERMISSIONS[role]:
            resource, operation = RESOURCE[each.resource], OPERATION[each.operation]
            wanted = CreateAclsRequest(resource, prefix + each.name, LITERAL, principal, "*", operation, ALLOW)
            answer = await admin._send_request(wanted)
            assert [error for error, _ in answer.creation_responses] == [0]
    finally:
        await admin.close()
