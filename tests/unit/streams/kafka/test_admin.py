"""How many copies must confirm a write: asked for when topics are created, demanded when they are checked."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.contracts.topics import TOPICS
from streams.kafka import admin as topic_admin
from streams.kafka.admin import TopicRefused, _wrong_partitions, create


def copies(replicas: int) -> list[dict[str, Any]]:
    return [{"replicas": list(range(replicas))}]


class Admin:
    """A broker that creates what it is asked for, unless it names a setting that the cluster's owner has fixed."""

    def __init__(self, fixed: str | None = None) -> None:
        self.fixed = fixed
        self.made: list[Any] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def list_topics(self) -> list[str]:
        return [each.name for each in self.made]

    async def create_topics(self, new: list[Any]) -> Any:
        refused = [each for each in new if self.fixed in each.topic_configs]
        self.made += [each for each in new if each not in refused]
        return SimpleNamespace(topic_errors=[(each.name, 40 if each in refused else 0, None) for each in new])


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, 1), (2, 1), (3, 2), (5, 2)])
async def test_topics_are_created_with_the_copies_that_must_confirm(
    monkeypatch: pytest.MonkeyPatch, replicas: int, in_sync: int
) -> None:
    admin = Admin()
    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", lambda **_options: admin)
    created = await create({}, prefix="blue.", partitions=3, replication_factor=replicas)
    assert created == [f"blue.{topic.name}" for topic in TOPICS]
    assert {each.topic_configs["min.insync.replicas"] for each in admin.made} == {str(in_sync)}


async def test_a_cluster_whose_owner_has_fixed_it_decides_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(fixed="min.insync.replicas")
    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", lambda **_options: admin)
    assert len(await create({}, prefix="", partitions=3, replication_factor=3)) == len(TOPICS)
    assert {each.topic_configs.get("min.insync.replicas") for each in admin.made} == {None}


async def test_another_setting_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Admin(fixed="retention.ms")
    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", lambda **_options: admin)
    with pytest.raises(TopicRefused, match=r"image-uploads could not be created \(Configuration is invalid\)"):
        await create({}, prefix="", partitions=3, replication_factor=3)


def test_three_copies_of_which_one_may_confirm_are_a_finding() -> None:
    (found,) = _wrong_partitions("image-uploads", copies(3), 1, {"min.insync.replicas": "1"})
    assert found.problem == "has 3 replicas and min.insync.replicas=1: what one copy confirms may be lost with it"
    assert found.remedy == "alter the topic: min.insync.replicas=2"


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (2, "2"), (3, "2"), (3, "3"), (3, None)])
def test_what_survives_the_loss_of_a_copy_or_may_not_be_read_is_no_finding(replicas: int, in_sync: str | None) -> None:
    config = {} if in_sync is None else {"min.insync.replicas": in_sync}
    assert list(_wrong_partitions("image-uploads", copies(replicas), 1, config)) == []
