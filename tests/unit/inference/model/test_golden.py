import hashlib

import numpy as np

from inference.model.golden import PATTERNS, TOLERANCE, deviation, draw


def test_patterns_are_the_same_on_every_machine() -> None:
    """Model files carry answers for exactly these pixels: another formula makes every file unusable."""
    digest = hashlib.sha256(b"".join(draw(pattern, 33).tobytes() for pattern in range(PATTERNS))).hexdigest()
    assert digest == "489115fff0ab021eef342bcb6aa74a96fa8a4b07540186a33419768f6b471043"


def test_patterns_differ_in_every_channel() -> None:
    patterns = [draw(pattern, 64) for pattern in range(PATTERNS)]
    assert all(p.shape == (64, 64, 3) and p.dtype == np.uint8 and p.std() > 30 for p in patterns)
    assert len({p.tobytes() for p in patterns}) == PATTERNS
    for pattern in patterns:
        assert not np.array_equal(pattern[..., 0], pattern[..., 2])


def test_the_deviation_sees_small_scores() -> None:
    expected = np.array([[0.99, 0.009, 0.001]])
    assert deviation(expected, expected) == 0
    assert deviation(expected, np.array([[0.99, 0.008, 0.002]])) > TOLERANCE
    assert deviation(np.array([[1.0, 1e-9]]), np.array([[1.0, 1e-7]])) == 0
