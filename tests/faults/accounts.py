"""What the tests of outages share: a small picture of a cat, many uploads of it, and the account at the end."""

import io

from PIL import Image

from tests.world import World


def small(chelsea: bytes) -> bytes:
    """The photograph as a small JPEG."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(chelsea)).convert("RGB").resize((300, 200)).save(buffer, "JPEG")
    return buffer.getvalue()


def upload(world: World, count: int, data: bytes, name: str) -> list[str]:
    """So many pictures, under keys that tell them from those of another name."""
    keys = [f"uploads/ann/{name}-{i}.jpg" for i in range(count)]
    for key in keys:
        world.put(key, data)
    return keys


def assert_account(world: World, keys: list[str]) -> None:
    """Every object has exactly one outcome, and it is the right one."""
    outcomes = world.wait_outcomes(*keys)
    assert outcomes == dict.fromkeys(keys, "cat")
    assert len(world.rows("SELECT 1 FROM image_outcomes")) == len(keys)
