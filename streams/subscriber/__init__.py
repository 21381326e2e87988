"""A typed reader of the result topics, for other people's services."""

from streams.subscriber.received_event import ReceivedEvent, UndecodableEventError, UnknownEventTypeError
from streams.subscriber.subscriber import OUTCOMES, REMEMBERED, ExpiredEventsError, Subscriber

__all__ = [
    "OUTCOMES",
    "REMEMBERED",
    "ExpiredEventsError",
    "ReceivedEvent",
    "Subscriber",
    "UndecodableEventError",
    "UnknownEventTypeError",
]
