"""A fault that nobody foresaw ends the process at once, with nothing acknowledged: the work comes again."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.accounts import assert_account, small, upload
from tests.world import World


async def limit(world: World, topic: str, max_bytes: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.stack.kafka.bootstrap_servers)
    await admin.start()
    try:
        config = {"max.message.bytes": str(max_bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, world.prefix + topic, config)])
    finally:
        await admin.close()


@pytest.mark.durable
async def test_a_result_that_no_broker_takes_stops_the_classifier_and_loses_nothing(
    world: World, chelsea: bytes
) -> None:
    await limit(world, "image-classifications", 100)
    keys = upload(world, 5, small(chelsea), "large")
    await world.publish(*map(world.notification, keys))
    (classifier,) = world.start("classify", wait=False)
    assert classifier.process.wait(60) not in (0, None)
    assert "MessageSizeTooLargeError" in classifier.process.log_tail()
    assert set((await world.committed("petstream-classifier", "image-uploads")).values()) == {0}
    world.workers.remove(classifier)

    await limit(world, "image-classifications", 1_000_000)
    world.start("classify", "sink", wait=False)
    assert_account(world, keys)
