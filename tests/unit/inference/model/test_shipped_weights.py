"""The trained weights that come with petstream, and what lies beside them."""

import hashlib
import json
from typing import Any

import pytest

from inference.lab.cascade_card import composed
from inference.lab.int8 import Ranges
from inference.model.recipe import ARCHITECTURES, CASCADE_CARD, Arch, ranges_of, shipped_weights

MEGABYTES = {"efficientnet-lite0": 10, "efficientnet-lite2": 13}


def card(arch: Arch) -> Any:
    return json.loads(shipped_weights(arch).with_suffix(".json").read_bytes())


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_card_and_ranges_belong_to_the_weights(arch: Arch) -> None:
    data = shipped_weights(arch).read_bytes()
    assert len(data) <= MEGABYTES[arch] * 1_000_000
    checksum = hashlib.sha256(data).hexdigest()
    assert card(arch)["weights_sha256"] == checksum
    assert Ranges.from_json(ranges_of(shipped_weights(arch)).read_bytes()).weights_sha256 == checksum


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_card_tells_of_the_pictures_and_names_none(arch: Arch) -> None:
    told = card(arch)
    assert "none is shipped" in told["pictures"]["note"]
    assert sum(told["pictures"]["labels"].values()) > 5_000
    assert "people" in told["pictures"]["slices"]
    assert ".jpg" not in json.dumps(told)
    figures = told["cross_validation"]["figures"]
    assert figures["expected_calibration_error"] < 0.02
    assert figures["pictures"] == told["curve"]["pets"] + told["curve"]["others"]


def test_both_networks_see_the_same_pixels_and_have_a_threshold_of_their_own() -> None:
    small, large = (card(arch)["input"] for arch in ARCHITECTURES)
    assert small == large, "the cascade resizes nothing"
    found = composed(shipped_weights(ARCHITECTURES[0]).parent / CASCADE_CARD)
    assert 0.5 <= found.cascade.defer_below <= 0.99
    assert found.curve is not None
