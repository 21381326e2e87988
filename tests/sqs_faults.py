"""What SQS promises to do now and then: a message comes twice, messages come out of order."""

import asyncio
import json
import random
import re
from collections import Counter, deque
from typing import Any

from tests.http_faults import Ask, Message, send

MAX_MESSAGES = 10
"""In one answer. Source: Amazon SQS quotas."""

_COPY = "-again"
_HELD = 30
_BATCHES = re.compile(rb"(?im)^x-amz-target:\s*AmazonSQS\.(DeleteMessageBatch|ChangeMessageVisibilityBatch)\s*$")
_RECEIVES = re.compile(rb"(?im)^x-amz-target:\s*AmazonSQS\.ReceiveMessage\s*$")


class Twice:
    """Each message comes a second time, in a later answer, with a receipt of its own, whatever became of the first."""

    def __init__(self) -> None:
        self._again: deque[dict[str, Any]] = deque()

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See http_faults.Behaviour."""
        if not _receives(request):
            body = request.body.replace(f'{_COPY}"'.encode(), b'"')  # the queue knows the receipt of the first alone
            await send(client, await ask(request.with_body(body)))
            return
        copies = [self._again.popleft() for _ in range(min(MAX_MESSAGES // 2, len(self._again)))]
        answer = await ask(_asking(request, MAX_MESSAGES - len(copies), patient=not copies))
        fresh = _messages(answer)
        self._again += [message | {"ReceiptHandle": message["ReceiptHandle"] + _COPY} for message in fresh]
        await send(client, _answering(answer, copies + fresh))


class OutOfOrder:
    """Messages are held for a while and come in any order."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._held: list[dict[str, Any]] = []

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See http_faults.Behaviour."""
        answer = await ask(request)
        if _receives(request):
            fresh = _messages(answer)
            self._held += fresh
            self._rng.shuffle(self._held)
            keep = _HELD if fresh else 0  # what has no followers need not wait for any
            given, self._held = self._held[keep:][:MAX_MESSAGES], self._held[:keep] + self._held[keep + MAX_MESSAGES :]
            answer = _answering(answer, given)
        await send(client, answer)


class PartlyFails:
    """
    Of a batch of deletions or extensions only the first entry is done: the others fail, in an answer that says 200, so
    often for each message as told.
    """

    def __init__(self, times: int) -> None:
        self._times = times
        self._failed: Counter[str] = Counter()

    async def exchange(self, request: Message, ask: Ask, client: asyncio.StreamWriter) -> None:
        """See http_faults.Behaviour."""
        if _BATCHES.search(request.head + b"\r\n") is None:
            await send(client, await ask(request))
            return
        question = json.loads(request.body)
        entries = question["Entries"]
        failing = [entry for entry in entries[1:] if self._failed[entry["ReceiptHandle"]] < self._times]
        self._failed.update(entry["ReceiptHandle"] for entry in failing)
        passed = [entry for entry in entries if entry not in failing]
        answer = await ask(request.with_body(json.dumps(question | {"Entries": passed}).encode()))
        said = json.loads(answer.body)
        said["Failed"] = said.get("Failed", []) + [
            {"Id": entry["Id"], "SenderFault": False, "Code": "InternalError", "Message": "try again"}
            for entry in failing
        ]
        await send(client, answer.with_body(json.dumps(said).encode()))


def _receives(request: Message) -> bool:
    return _RECEIVES.search(request.head + b"\r\n") is not None


def _asking(request: Message, messages: int, *, patient: bool) -> Message:
    question = json.loads(request.body) | {"MaxNumberOfMessages": messages}
    return request.with_body(json.dumps(question if patient else question | {"WaitTimeSeconds": 0}).encode())


def _messages(answer: Message) -> list[dict[str, Any]]:
    if b" 200 " not in answer.head.partition(b"\r\n")[0]:
        return []
    return list(json.loads(answer.body).get("Messages", []))


def _answering(answer: Message, messages: list[dict[str, Any]]) -> Message:
    if b" 200 " not in answer.head.partition(b"\r\n")[0]:
        return answer
    return answer.with_body(json.dumps({"Messages": messages} if messages else {}).encode())
