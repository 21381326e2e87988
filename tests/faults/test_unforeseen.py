"""A fault that nobody foresaw, on every message: the circuit opens, the process lives, and nothing is lost."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.accounts import assert_account, small, upload
from tests.world import World, metric


async def limit(world: World, topic: str, max_bytes: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.stack.kafka.bootstrap_servers)
    await admin.start()
    try:
        config = {"max.message.bytes": str(max_bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, world.prefix + topic, config)])
    finally:
        await admin.close()


@pytest.mark.durable
async def test_results_that_no_broker_takes_open_the_circuit_and_nothing_is_lost(world: World, chelsea: bytes) -> None:
    await limit(world, "image-classifications", 100)
    keys = upload(world, 12, small(chelsea), "large")
    await world.publish(*map(world.notification, keys))
    (classifier, _) = world.start("classify", "sink")
    world.eventually(lambda: metric(classifier, 'petstream_degraded{component="classifier"}') == 1)
    assert "every message fails since" in str((classifier.health() or {}).get("warnings"))
    assert "MessageSizeTooLargeError" in classifier.process.log_tail()
    await limit(world, "image-classifications", 1_000_000)
    assert_account(world, keys)
    world.eventually(lambda: metric(classifier, 'petstream_degraded{component="classifier"}') == 0)
