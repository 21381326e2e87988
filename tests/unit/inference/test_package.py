import subprocess
import sys

import pytest

import inference

HEAVY = {"torch", "openvino", "timm", "faust", "aiokafka", "boto3"}


def modules_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("module", ["decode", "decode_pool", "errors", "manifest", "prediction", "recipe"])
def test_torch_is_loaded_by_nobody_who_does_not_need_it(module: str) -> None:
    assert not HEAVY & modules_after(f"import inference.{module}")


@pytest.mark.parametrize("module", ["errors", "prediction", "manifest", "recipe"])
def test_the_words_of_the_package_cost_neither_pillow_nor_numpy(module: str) -> None:
    assert not {"PIL", "numpy"} & modules_after(f"import inference.{module}")


def test_every_public_name_exists() -> None:
    for name in inference.__all__:
        assert getattr(inference, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        inference.nonsense  # noqa: B018 - the access is what is tested
