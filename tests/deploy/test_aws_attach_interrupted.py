"""``petstream attach`` and ``detach``, killed at every request: the same command goes on from there."""

import math
from itertools import count
from typing import Any

import pytest

from streams.attach import delivery
from streams.attach.attachment import CHECKED_TAG, Attachment
from streams.attach.notifications import others, ours, own
from streams.attach.plan import attach_steps, wanted_of_queue
from streams.attach.queue_attributes import missing
from streams.attach.reading import Reader
from tests.deploy.attaching import attach_all, detach_all, everything, shared_bucket
from tests.deploy.cloud import ROOT, Cloud


class Killed(BaseException):
    """The process is gone: its finally blocks reach nobody."""


class Life:
    """Counts requests, and kills at one of them and at all that follow."""

    left: float = math.inf

    def client(self, cloud: Cloud, service: str) -> Any:
        made = cloud._connect(service, ROOT, as_if_unencrypted=False)
        made.meta.events.register("before-call", self._live)
        return made

    def _live(self, **_: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


def test_killed_at_any_request_the_same_command_goes_on(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_HIDDEN_SECONDS", 1)
    monkeypatch.setattr(delivery, "_RECEIVE_SECONDS", 0)
    bucket, life = shared_bucket(cloud), Life()
    before = everything(cloud, bucket)
    clients = life.client(cloud, "s3"), life.client(cloud, "sqs")
    reader = Reader(*clients, Attachment.of(bucket, "uploads/"), patience_seconds=10)
    untouched = others(reader.notifications(), reader.attachment)
    for requests in count():
        is_killed = False
        for work in (attach_all, detach_all):
            life.left = requests
            try:
                work(reader)
            except Killed:
                is_killed = True
            life.left = math.inf
            work(reader)
            if work is attach_all:
                assert_attached(reader)
            assert others(reader.notifications(), reader.attachment) == untouched
        assert everything(cloud, bucket) == before, requests
        if not is_killed:
            break
    assert requests > 25


def assert_attached(reader: Reader) -> None:
    state = reader.state()
    assert not attach_steps(reader.attachment, state, check=True)
    assert state.queue is not None
    assert not missing(wanted_of_queue(reader.attachment, state.queue), state.queue.attributes)
    assert own(state.notifications, reader.attachment) == ours(reader.attachment, state.queue.arn)
    assert CHECKED_TAG in state.queue.tags
    assert not state.test_objects
