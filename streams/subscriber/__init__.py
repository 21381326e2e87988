"""A typed reader of the result topics, for other people's services."""

from streams.subscriber.subscriber import OUTCOMES, REMEMBERED, ExpiredEventsError, Subscriber

__all__ = ["OUTCOMES", "REMEMBERED", "ExpiredEventsError", "Subscriber"]
