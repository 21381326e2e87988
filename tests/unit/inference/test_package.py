import pytest

import inference


def test_every_public_name_exists() -> None:
    for name in inference.__all__:
        assert getattr(inference, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        inference.nonsense  # noqa: B018 - the access is what is tested
