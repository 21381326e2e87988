from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from streams.attach.attachment import CHECKED_TAG, Attachment
from streams.attach.errors import AttachRefused
from streams.attach.notifications import with_ours
from streams.attach.plan import Action, LeftObject, QueueState, State, attach_steps, detach_steps
from streams.attach.queue_attributes import dead_letters_attributes, dead_letters_rules, queue_attributes

PETS = Attachment.of("pets", "uploads/")
PLACE = "arn:aws:sqs:eu-central-1:123456789012"
ARN = f"{PLACE}:{PETS.name}"
CHECKED = {**PETS.tags, CHECKED_TAG: "2026-03-01T12:00:00+00:00"}
THEIRS: Mapping[str, Any] = {"EventBridgeConfiguration": {}}


def queue(name: str, attributes: Mapping[str, str], tags: Mapping[str, str] = PETS.tags) -> QueueState:
    return QueueState(f"https://sqs/{name}", {"QueueArn": f"{PLACE}:{name}", **attributes}, tags)


DEAD = f"{PLACE}:{PETS.dead_letters_name}"
DEAD_LETTERS = queue(PETS.dead_letters_name, dead_letters_attributes() | dead_letters_rules(DEAD, PETS.name))
ATTACHED = State(
    with_ours(THEIRS, PETS, ARN),
    queue(PETS.name, queue_attributes(DEAD, PETS.name, "pets"), CHECKED),
    DEAD_LETTERS,
)


def actions(state: State, *, check: bool = True) -> list[Action]:
    return [step.action for step in attach_steps(PETS, state, check=check)]


def test_an_empty_account_gets_all_and_an_attached_bucket_nothing() -> None:
    everything = [
        Action.CREATE_DEAD_LETTERS,
        Action.LIMIT_DEAD_LETTERS,
        Action.CREATE_QUEUE,
        Action.ADD_NOTIFICATION,
        Action.CHECK,
    ]
    assert actions(State(THEIRS)) == everything
    assert actions(State(THEIRS), check=False) == everything[:-1]
    assert actions(ATTACHED) == []


def test_a_check_that_did_not_end_is_done_again() -> None:
    assert ATTACHED.queue is not None
    assert actions(replace(ATTACHED, queue=replace(ATTACHED.queue, tags=PETS.tags))) == [Action.CHECK]


def test_what_is_lost_is_made_again_and_checked() -> None:
    assert actions(replace(ATTACHED, queue=None)) == [Action.CREATE_QUEUE, Action.CHECK]
    assert actions(replace(ATTACHED, notifications=THEIRS)) == [Action.ADD_NOTIFICATION, Action.CHECK]
    assert ATTACHED.queue is not None
    without_policy = {name: text for name, text in ATTACHED.queue.attributes.items() if name != "Policy"}
    lacking = replace(ATTACHED, queue=replace(ATTACHED.queue, attributes=without_policy))
    assert actions(lacking) == [Action.MEND_QUEUE, Action.CHECK]


@pytest.mark.parametrize("prefix", ["other/", ""])
def test_our_notification_with_other_contents_is_not_replaced(prefix: str) -> None:
    (changed,) = with_ours({}, Attachment.of("pets", prefix), ARN)["QueueConfigurations"]
    with pytest.raises(AttachRefused, match="petstream detach"):
        actions(replace(ATTACHED, notifications={"QueueConfigurations": [{**changed, "Id": PETS.name}]}))


@pytest.mark.parametrize("tags", [{}, {"application": "petstream"}, Attachment.of("pets", "other/").tags])
def test_queues_of_others_are_refused_by_attach_and_left_by_detach(tags: Mapping[str, str]) -> None:
    for state in (
        State(THEIRS, queue=queue(PETS.name, {}, tags)),
        State(THEIRS, dead_letters=queue(PETS.dead_letters_name, {}, tags)),
    ):
        with pytest.raises(AttachRefused, match="did not make"):
            actions(state)
        assert detach_steps(PETS, state) == ()


def test_detach_takes_back_what_is_there_with_the_notification_first() -> None:
    state = replace(ATTACHED, test_objects=(LeftObject("uploads/petstream-attach-check/x/", "1"),))
    assert [step.action for step in detach_steps(PETS, state)] == [
        Action.REMOVE_NOTIFICATION,
        Action.SETTLE,
        Action.DELETE_QUEUE,
        Action.DELETE_DEAD_LETTERS,
        Action.CLEAR_TEST_OBJECTS,
    ]
    assert detach_steps(PETS, State(THEIRS)) == ()
