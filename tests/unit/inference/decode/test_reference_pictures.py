from typing import get_args

import pytest

from inference.decode import Limits, decode
from inference.decode.formats import Format, sniff
from inference.decode.reference_pictures import reference_picture, reference_picture_for
from inference.errors import RejectedImage
from inference.manifest import InputSpec

SPEC = InputSpec(size=16, resize=16)


@pytest.mark.parametrize("kind", get_args(Format))
def test_the_reference_picture_of_each_format_is_a_good_picture_of_that_format(kind: Format) -> None:
    assert sniff(reference_picture(kind)[:64]) == kind
    pixels = decode(reference_picture(kind), SPEC, Limits())
    assert pixels.shape == (16, 16, 3)
    assert pixels.std() > 20


@pytest.mark.parametrize("kind", get_args(Format))
def test_a_broken_picture_is_compared_with_its_own_format(kind: Format) -> None:
    torn = reference_picture(kind)[:64]
    with pytest.raises(RejectedImage):
        decode(torn, SPEC, Limits())
    assert reference_picture_for(torn) == (kind, reference_picture(kind))


def test_what_is_no_picture_is_compared_with_a_jpeg() -> None:
    assert reference_picture_for(b"<html>") == ("JPEG", reference_picture("JPEG"))
