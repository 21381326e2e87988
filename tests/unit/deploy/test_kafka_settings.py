from pathlib import Path

from deploy.local.kafka_settings import NodeAddress, server_properties

ONE = [NodeAddress(1, 9001, 9002)]
THREE = [*ONE, NodeAddress(2, 9003, 9004), NodeAddress(3, 9005, 9006)]


def read(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_every_listener_is_on_loopback() -> None:
    settings = read(server_properties(ONE[0], ONE, Path("/data")))
    assert settings["listeners"] == "BROKER://127.0.0.1:9001,CONTROLLER://127.0.0.1:9002"
    assert settings["advertised.listeners"] == "BROKER://127.0.0.1:9001"


def test_a_single_node_copies_nothing() -> None:
    settings = read(server_properties(ONE[0], ONE, Path("/data")))
    assert settings["default.replication.factor"] == settings["offsets.topic.replication.factor"] == "1"
    assert settings["min.insync.replicas"] == settings["transaction.state.log.min.isr"] == "1"


def test_three_nodes_survive_the_loss_of_one() -> None:
    settings = read(server_properties(THREE[1], THREE, Path("/data")))
    assert settings["node.id"] == "2"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9002,2@127.0.0.1:9004,3@127.0.0.1:9006"
    assert settings["default.replication.factor"] == settings["offsets.topic.replication.factor"] == "3"
    assert settings["min.insync.replicas"] == "2"


def test_a_topic_that_nobody_created_is_an_error() -> None:
    assert read(server_properties(ONE[0], ONE, Path("/data")))["auto.create.topics.enable"] == "false"
