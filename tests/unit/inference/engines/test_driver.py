import pytest

from inference.engines import driver


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_without_the_driver_torch_is_not_asked_where_that_is_known(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_name: str) -> None:
        raise OSError("cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", absent)
    monkeypatch.setattr("sys.platform", platform)
    assert driver.is_loadable() is (platform != "linux")


def test_with_the_driver_torch_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _name: None)
    assert driver.is_loadable()
