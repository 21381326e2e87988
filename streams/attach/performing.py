"""Performs the steps of a plan. Blocks."""

from collections.abc import Callable, Mapping
from datetime import datetime

from streams.attach import delivery, writing
from streams.attach.attachment import CHECKED_TAG
from streams.attach.errors import QueueHoldsMessages
from streams.attach.plan import Action, QueueState, made_by, wanted_of_queue
from streams.attach.queue_attributes import dead_letters_attributes, dead_letters_rules, missing, queue_attributes
from streams.attach.reading import Reader
from streams.attach.requests import asking


class Performer:
    """
    Changes bucket and queues. Repeating a step harms nothing.

    Args:
        reader: of what exists.
        now: aware, UTC; the time of a successful check.
        check_seconds: how long the notification of the test object may take.
    """

    def __init__(self, reader: Reader, *, now: Callable[[], datetime], check_seconds: float = 0) -> None:
        self._reader = reader
        self._attachment = reader.attachment
        self._now = now
        self._check_seconds = check_seconds

    def perform(self, action: Action) -> None:
        """
        Perform one step of ``attach_steps`` or ``detach_steps``, but for SETTLE.

        Raises:
            AttachRefused, NotDelivered, ChangedMeanwhile
        """
        reader, attachment = self._reader, self._attachment
        perform: Mapping[Action, Callable[[], None]] = {
            Action.CREATE_DEAD_LETTERS: lambda: self._create(attachment.dead_letters_name, dead_letters_attributes()),
            Action.LIMIT_DEAD_LETTERS: self._limit_dead_letters,
            Action.CREATE_QUEUE: self._create_queue,
            Action.MEND_QUEUE: self._mend_queue,
            Action.ADD_NOTIFICATION: lambda: writing.add(reader),
            Action.CHECK: self._check,
            Action.REMOVE_NOTIFICATION: lambda: writing.remove(reader),
            Action.CLEAR_TEST_OBJECTS: lambda: delivery.delete_objects(reader.s3, attachment),
            Action.DELETE_QUEUE: lambda: self._delete(attachment.name),
            Action.DELETE_DEAD_LETTERS: lambda: self._delete(attachment.dead_letters_name),
        }
        perform[action]()

    def check_empty(self) -> None:
        """
        Take test messages out of the queue and make sure that neither queue holds anything else.

        Raises:
            QueueHoldsMessages: with the number of messages.
        """
        for attempt in self._reader.attempts(lambda error: isinstance(error, QueueHoldsMessages) and error.may_be_past):
            with attempt:
                self._refuse_messages(self._attachment.name)
        self._refuse_messages(self._attachment.dead_letters_name)

    def _refuse_messages(self, name: str) -> None:
        attachment, may_be_past = self._attachment, False
        queue = self._reader.queue(name)
        if queue is None or not made_by(attachment, queue):
            return
        if queue.messages and name == attachment.name:
            # Without others, the count is of a moment ago, or of messages that are hidden for a while.
            may_be_past = not delivery.take_test_messages(self._reader.sqs, queue.url, attachment)
            queue = self._reader.existing(name)
        if queue.messages:
            raise QueueHoldsMessages(name, queue.messages, may_be_past=may_be_past)

    def _create_queue(self) -> None:
        dead_letters = self._reader.existing(self._attachment.dead_letters_name)
        name, bucket = self._attachment.name, self._attachment.bucket
        self._create(name, queue_attributes(dead_letters.arn, name, bucket))

    def _limit_dead_letters(self) -> None:
        queue = self._reader.existing(self._attachment.dead_letters_name)
        self._set(queue, missing(dead_letters_rules(queue.arn, self._attachment.name), queue.attributes))

    def _mend_queue(self) -> None:
        queue = self._reader.existing(self._attachment.name)
        self._set(queue, missing(wanted_of_queue(self._attachment, queue), queue.attributes))

    def _create(self, name: str, attributes: dict[str, str]) -> None:
        with asking("sqs:CreateQueue and sqs:TagQueue", f"create the queue {name}"):
            self._reader.sqs.create_queue(QueueName=name, Attributes=attributes, tags=self._attachment.tags)  # type: ignore[arg-type] # the names are those of SQS

    def _set(self, queue: QueueState, attributes: dict[str, str]) -> None:
        if attributes:
            with asking("sqs:SetQueueAttributes", f"set attributes of {queue.url}"):
                self._reader.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)  # type: ignore[arg-type] # the names are those of SQS

    def _check(self) -> None:
        reader, attachment = self._reader, self._attachment
        queue = reader.existing(attachment.name)
        delivery.check(reader.s3, reader.sqs, queue.url, attachment, within_seconds=self._check_seconds)
        with asking("sqs:TagQueue", f"tag {attachment.name}"):
            reader.sqs.tag_queue(QueueUrl=queue.url, Tags={CHECKED_TAG: self._now().isoformat(timespec="seconds")})

    def _delete(self, name: str) -> None:
        queue = self._reader.queue(name)
        if queue is not None and made_by(self._attachment, queue):
            with asking("sqs:DeleteQueue", f"delete the queue {name}"):
                self._reader.sqs.delete_queue(QueueUrl=queue.url)
