import pytest

from tests.world import World


@pytest.fixture(scope="module")
def running(module_world: World) -> World:
    """A world of the module's own, with the whole pipeline running in it."""
    module_world.start("bridge", "classify", "sink")
    return module_world
