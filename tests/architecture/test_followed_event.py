import pytest
from tests import followed_event

async def test_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = await followed_event.follow(monkeypatch)
    for n, (p, names) in enumerate(passed.items(), 1):
        print(n, p, sorted(names))
