from hypothesis import settings

from tests.confined import pytest_runtest_call, pytest_runtest_setup

__all__ = ["pytest_runtest_call", "pytest_runtest_setup"]

# On a busy machine an example takes as long as it takes: its 200 ms by default are of the clock.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")
