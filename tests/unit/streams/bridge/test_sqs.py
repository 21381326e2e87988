"""What SQS says of a batch: done, failed by its fault, or by ours."""

from typing import Any

import pytest

from streams.bridge.sqs import QueueMessage, SqsQueue

MESSAGES = [QueueMessage(f"m{i}", f"receipt-{i}", "") for i in range(3)]


class Client:
    """Answers each batch with these failures."""

    def __init__(self, *failed: dict[str, Any]) -> None:
        self._answer = {"Successful": [], **({"Failed": list(failed)} if failed else {})}

    def delete_message_batch(self, **_request: Any) -> dict[str, Any]:
        return self._answer

    change_message_visibility_batch = delete_message_batch


async def left(*failed: dict[str, Any]) -> list[list[str]]:
    client: Any = Client(*failed)
    queue = SqsQueue(client, "url", wait_seconds=1, visibility_seconds=60)
    return [[each.id for each in found] for found in (await queue.delete(MESSAGES), await queue.extend(MESSAGES, 60))]


async def test_a_batch_that_is_done_leaves_nothing() -> None:
    assert await left() == [[], []]


async def test_entries_that_fail_by_the_queues_fault_are_to_be_tried_again() -> None:
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    assert await left(failed) == [["m1"], ["m1"]]


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue"])
async def test_entries_that_no_repetition_can_mend_are_let_go(code: str) -> None:
    assert await left({"Id": "2", "SenderFault": True, "Code": code}) == [[], []]
