import asyncio

import pytest

from streams.kafka.stopping import start


class Client:
    """Never gets through its start; ``is_starting`` for as long as it tries."""

    is_starting = False

    async def start(self) -> None:
        self.is_starting = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_starting = False


@pytest.mark.usefixtures("virtual_time")
async def test_a_start_whose_caller_is_cancelled_twice_does_not_go_on_by_itself() -> None:
    client = Client()
    starting = asyncio.create_task(start(client))
    for _ in range(2):
        await asyncio.sleep(0.01)
        assert client.is_starting
        starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await asyncio.sleep(0)
    assert not client.is_starting
