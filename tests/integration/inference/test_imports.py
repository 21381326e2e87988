"""What a process pays for that imports a module of ours."""

from tests import loaded_modules

HEAVY = {"torch", "openvino", "timm", "faust", "aiokafka", "boto3"}


def test_torch_is_loaded_by_nobody_who_does_not_need_it_and_the_words_of_the_package_cost_nothing() -> None:
    words, decoding = loaded_modules.after(
        [f"inference.{name}" for name in ("errors", "prediction", "manifest", "model.recipe")],
        ["inference.decode", "inference.decode.pool"],
    )
    assert not words & (HEAVY | {"PIL", "numpy"})
    assert not decoding & HEAVY
