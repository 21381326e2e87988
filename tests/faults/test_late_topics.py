"""
A group that joins while Kafka does not know its topics gets no partitions, and gets them once Kafka knows.

So it is after a start of a broker, which knows its topics a moment later than it answers.
"""

from streams import contracts
from streams.kafka import admin as topic_admin
from tests.sinking import classified, key_of
from tests.world import World


async def test_a_sink_that_joined_before_its_topics_were_known_goes_on_soon_after(world: World) -> None:
    prefix = world.prefix + "late."
    world.start("sink", env={"KAFKA_TOPIC_PREFIX": prefix})
    servers = world.stack.kafka.bootstrap_servers.split(",")
    await topic_admin.create({"bootstrap_servers": servers}, prefix=prefix, partitions=3, replication_factor=1)
    event = contracts.encode(classified(world.bucket, key_of(0)))
    await world.publish(event, topic="late.image-classifications")
    assert world.wait_outcomes(key_of(0)) == {key_of(0): "cat"}  # soon: the client's default is five minutes
