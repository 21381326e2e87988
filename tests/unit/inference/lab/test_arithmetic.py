import pytest

from inference.lab.arithmetic import Processor, suited, this_processor

AVX2 = frozenset({"X86_V2", "X86_V3", "FP32", "INT8"})
AVX512 = AVX2 | {"X86_V4", "AVX512_ICL", "BF16"}


@pytest.mark.parametrize(
    ("processor", "arithmetic"),
    [
        (Processor("Intel(R) Xeon(R) CPU E5-2680 v4", AVX2, has_gpu=False), "int8"),
        (Processor("AMD EPYC 7742 64-Core Processor", AVX2, has_gpu=False), "int8"),
        (Processor("AMD EPYC 9R14", AVX512, has_gpu=False), "bfloat16"),
        (Processor("Intel(R) Xeon(R) Processor", AVX512, has_gpu=False), "int8"),
        (Processor("AMD EPYC 9R14", AVX512, has_gpu=True), "float32"),
        (Processor("aarch64", frozenset({"NEON", "FP32", "INT8"}), has_gpu=False), "float32"),
        (Processor("Intel(R) Xeon(R) CPU X5650", frozenset({"X86_V2", "FP32", "INT8"}), has_gpu=False), "float32"),
    ],
)
def test_each_processor_gets_the_arithmetic_that_it_is_fast_in(processor: Processor, arithmetic: str) -> None:
    chosen, why = suited(processor, int8_ranges=True)
    assert chosen == arithmetic
    assert processor.name in why


def test_without_ranges_it_is_float_and_says_how_to_get_int8() -> None:
    chosen, why = suited(Processor("Intel", AVX2, has_gpu=False), int8_ranges=False)
    assert (chosen, "petstream model ranges" in why) == ("float32", True)


def test_this_processor_is_described() -> None:
    here = this_processor()
    assert here.name
    assert "FP32" in here.features
