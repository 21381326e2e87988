import pickle

from inference.errors import InferenceError, RejectedImage


def test_a_rejection_says_its_reason_and_its_detail() -> None:
    rejected = RejectedImage("undecodable", "it is truncated")
    assert (rejected.reason, rejected.detail) == ("undecodable", "it is truncated")
    assert str(rejected) == "undecodable: it is truncated"
    assert isinstance(rejected, InferenceError)


def test_a_rejection_survives_pickling() -> None:
    rejected = pickle.loads(pickle.dumps(RejectedImage("too_many_bytes", "9 bytes")))  # noqa: S301 - our own bytes
    assert (rejected.reason, rejected.detail) == ("too_many_bytes", "9 bytes")
