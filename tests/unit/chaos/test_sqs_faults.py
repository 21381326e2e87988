"""The queue's faults do what they say: each message twice with another receipt; each once in another order."""

import asyncio
import json
import random
from typing import Any, cast

from tests.http_faults import Behaviour, Message
from tests.sqs_faults import OutOfOrder, Twice

RECEIVE = b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: 2"
DELETE = b"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.DeleteMessageBatch\r\nContent-Length: 2"


class Queue:
    """A queue of so many messages behind a behaviour."""

    def __init__(self, behaviour: Behaviour, messages: int) -> None:
        self.behaviour = behaviour
        self.left = [{"MessageId": f"{n}", "ReceiptHandle": f"r{n}", "Body": "x"} for n in range(messages)]
        self.asked: list[Message] = []
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        pass

    async def ask(self, request: Message) -> Message:
        self.asked.append(request)
        count = json.loads(request.body).get("MaxNumberOfMessages", 0)
        given, self.left = self.left[:count], self.left[count:]
        body = json.dumps({"Messages": given} if given else {}).encode()
        return Message(b"HTTP/1.1 200 OK\r\nContent-Length: %d" % len(body), body)

    async def exchange(self, head: bytes, body: bytes) -> dict[str, Any]:
        self.written = b""
        await self.behaviour.exchange(Message(head, body), self.ask, cast("asyncio.StreamWriter", self))
        answer_head, _, answer = self.written.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(answer)}".encode() in answer_head
        return dict(json.loads(answer))

    async def receive_all(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        for _ in range(30):
            answer = await self.exchange(RECEIVE, b'{"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}')
            assert len(answer.get("Messages", [])) <= 10
            found += answer.get("Messages", [])
        return found


async def test_each_message_comes_twice_with_a_receipt_of_its_own() -> None:
    queue = Queue(Twice(), 25)
    found = await queue.receive_all()
    assert sorted(message["MessageId"] for message in found) == sorted([*map(str, range(25))] * 2)
    assert len({message["ReceiptHandle"] for message in found}) == 50


async def test_the_second_receipt_means_the_first_to_the_queue() -> None:
    queue = Queue(Twice(), 0)
    await queue.exchange(DELETE, b'{"Entries": [{"Id": "0", "ReceiptHandle": "r1-again"}]}')
    assert json.loads(queue.asked[0].body)["Entries"][0]["ReceiptHandle"] == "r1"
    assert queue.asked[0].head.endswith(b"Content-Length: %d" % len(queue.asked[0].body))


async def test_messages_come_once_each_and_in_another_order() -> None:
    found = await Queue(OutOfOrder(random.Random(1)), 100).receive_all()
    numbers = [int(message["MessageId"]) for message in found]
    assert sorted(numbers) == list(range(100))
    assert numbers != sorted(numbers)
