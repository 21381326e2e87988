from pathlib import Path

import pytest

from tests.world import World


@pytest.fixture(scope="module")
def running(module_world: World) -> World:
    """A world of the module's own, with the whole pipeline running in it."""
    module_world.start("bridge", "classify", "sink")
    return module_world


@pytest.fixture(scope="session")
def chelsea() -> bytes:
    """A photograph of a cat (CC0), as a PNG of 451 by 300 pixels."""
    import skimage

    return (Path(skimage.__file__).parent / "data" / "chelsea.png").read_bytes()


@pytest.fixture(scope="session")
def coffee() -> bytes:
    """A photograph of no pet (CC0)."""
    import skimage

    return (Path(skimage.__file__).parent / "data" / "coffee.png").read_bytes()
