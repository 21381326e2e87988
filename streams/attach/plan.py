"""What attach and detach have to do, from what exists. Pure: a second run, or one after a crash, plans what is left."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.attach import notifications, queue_attributes
from streams.attach.attachment import CHECKED_TAG, TEST_FOLDER, Attachment
from streams.attach.errors import AttachRefused
from streams.attach.notifications import Configuration
from streams.attach.queue_attributes import dead_letters_rules, missing

_COUNTS: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Action(StrEnum):
    """One change, done by one or two requests. Interrupted before or after it, the next run goes on."""

    CREATE_DEAD_LETTERS = "create the dead-letter queue"
    LIMIT_DEAD_LETTERS = "let only the queue use the dead-letter queue"
    CREATE_QUEUE = "create the queue"
    MEND_QUEUE = "set what the queue lacks"
    ADD_NOTIFICATION = "add the notification"
    CHECK = "check with a test object"
    REMOVE_NOTIFICATION = "remove the notification"
    SETTLE = "wait for messages on their way"
    CLEAR_TEST_OBJECTS = "delete test objects"
    DELETE_QUEUE = "delete the queue"
    DELETE_DEAD_LETTERS = "delete the dead-letter queue"


_DELETES: Final = (Action.DELETE_QUEUE, Action.DELETE_DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class Step:
    """An action, the name of what it changes, and facts for people."""

    action: Action
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue as it is. ``attributes`` and ``tags`` are those of SQS."""

    url: str
    attributes: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.attributes["QueueArn"]

    @property
    def messages(self) -> int:
        """Messages in it, visible or not. SQS counts approximately."""
        return sum(int(self.attributes.get(name, 0)) for name in _COUNTS)


@dataclass(frozen=True, slots=True)
class LeftObject:
    """A version of a test object that an interrupted check left."""

    key: str
    version_id: str


@dataclass(frozen=True, slots=True)
class State:
    """What exists: the bucket's notifications, and the queues of the attachment's names."""

    notifications: Configuration
    queue: QueueState | None = None
    dead_letters: QueueState | None = None
    test_objects: tuple[LeftObject, ...] = ()


def attach_steps(attachment: Attachment, state: State, *, check: bool) -> tuple[Step, ...]:
    """
    What attach has to do; nothing if all is there and was checked.

    Raises:
        AttachRefused: if something else has the name or the events. Nothing is replaced.
    """
    for name in foreign_queues(attachment, state):
        raise AttachRefused(
            f"There is a queue {name} that petstream attach did not make for {attachment}",
            "delete it. If it is this bucket's, give it its tags back: "
            + ", ".join(f"{tag}={value}" for tag, value in attachment.tags.items()),
        )
    steps = [*_queue_steps(attachment, state), *_notification_steps(attachment, state)]
    is_checked = state.queue is not None and CHECKED_TAG in state.queue.tags
    if check and (steps or not is_checked):
        steps.append(Step(Action.CHECK, f"{attachment}{TEST_FOLDER}…", "put, wait for its notification, delete"))
    return tuple(steps)


def detach_steps(attachment: Attachment, state: State) -> tuple[Step, ...]:
    """What detach has to do: only what attach made, the notification first."""
    steps = []
    if notifications.own(state.notifications, attachment) is not None:
        steps.append(Step(Action.REMOVE_NOTIFICATION, attachment.name))
    deletes = [
        Step(action, name, "if no message is left in it")
        for action, (name, queue) in zip(_DELETES, _queues(attachment, state), strict=True)
        if queue is not None and made_by(attachment, queue)
    ]
    if deletes:
        steps += [Step(Action.SETTLE, attachment.name), *deletes]
    if state.test_objects:  # at last, because a bucket may forbid it
        steps.append(Step(Action.CLEAR_TEST_OBJECTS, f"{attachment}{TEST_FOLDER}"))
    return tuple(steps)


def foreign_queues(attachment: Attachment, state: State) -> list[str]:
    """Names of queues that have the names of attach's and other tags."""
    return [name for name, queue in _queues(attachment, state) if queue is not None and not made_by(attachment, queue)]


def made_by(attachment: Attachment, queue: QueueState) -> bool:
    """Whether attach made the queue for this bucket and prefix."""
    return attachment.tags.items() <= dict(queue.tags).items()


def _queues(attachment: Attachment, state: State) -> tuple[tuple[str, QueueState | None], ...]:
    return (attachment.name, state.queue), (attachment.dead_letters_name, state.dead_letters)


def _queue_steps(attachment: Attachment, state: State) -> list[Step]:
    name, dead_letters_name, dead_letters = attachment.name, attachment.dead_letters_name, state.dead_letters
    steps = []
    if dead_letters is None:
        steps.append(Step(Action.CREATE_DEAD_LETTERS, dead_letters_name, "keeps messages for 14 days"))
    if dead_letters is None or missing(dead_letters_rules(dead_letters.arn, name), dead_letters.attributes):
        steps.append(Step(Action.LIMIT_DEAD_LETTERS, dead_letters_name))
    if state.queue is None:
        receives = queue_attributes.MAX_RECEIVE_COUNT
        facts = f"keeps messages for 14 days; dead letters after {receives} receives; only this bucket may send"
        steps.append(Step(Action.CREATE_QUEUE, name, facts))
    elif absent := missing(wanted_of_queue(attachment, state.queue), state.queue.attributes):
        steps.append(Step(Action.MEND_QUEUE, name, ", ".join(absent)))
    return steps


def wanted_of_queue(attachment: Attachment, queue: QueueState) -> dict[str, str]:
    """The queue's attributes as attach makes them."""
    dead_letters_arn = queue_attributes.sibling(queue.arn, attachment.dead_letters_name)
    return queue_attributes.queue_attributes(dead_letters_arn, attachment.name, attachment.bucket)


def _notification_steps(attachment: Attachment, state: State) -> list[Step]:
    own = notifications.own(state.notifications, attachment)
    if own is None:
        notifications.refuse_conflicts(state.notifications, attachment)
        events = ", ".join(notifications.EVENTS)
        return [Step(Action.ADD_NOTIFICATION, attachment.name, f"{events} of {attachment.prefix}*")]
    expected = notifications.ours(attachment, own.arn)
    is_ours = own.arn.rpartition(":")[2] == attachment.name and own == expected
    if not is_ours or (state.queue is not None and own.arn != state.queue.arn):
        raise AttachRefused(
            f"The notification {attachment.name} is not as petstream attach made it: {own}",
            "run petstream detach first, which removes it.",
        )
    return []
