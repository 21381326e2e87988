"""Joins two networks in OpenVINO's format to one that asks the large network only where the small one is unsure."""

import numpy as np
import openvino
from openvino import opset15 as ops

from inference.engines.openvino import DEFER_BELOW
from inference.manifest import Rule


def joined(small: openvino.Model, large: openvino.Model, rule: Rule) -> openvino.Model:
    """
    One network that decides for each picture whether the large network runs.

    OpenVINO's If executes one of its two bodies, so a picture that is not deferred costs what the small network costs,
    and deferred pictures of a batch run in parallel like all others.

    Args:
        small: takes uint8 (1, S, S, 3), gives scores, float32 (1, labels). Changed by this function.
        large: the same. Changed by this function.
        rule: see ``manifest.Cascade``.

    Returns:
        A network with the inputs ``images``, uint8 (1, S, S, 3), and ``defer_below``, float32 (1,), and the output
        float32 (1, labels + 1): the scores, and 1 if the large network was asked, else 0.
    """
    [images], [inner] = small.get_parameters(), large.get_parameters()
    scores, others = (network.get_results()[0].input_value(0) for network in (small, large))
    defer_below = ops.parameter([1], np.float32, name=DEFER_BELOW)
    images.output(0).set_names({"images"})
    defer_below.output(0).set_names({DEFER_BELOW})

    asked, kept = ops.parameter(scores.partial_shape, np.float32), ops.parameter(scores.partial_shape, np.float32)
    if rule == "mean":
        others = ops.multiply(ops.add(asked, others), np.float32(0.5)).output(0)
    then = openvino.Model([_result(others, 1.0)], [inner, asked] if rule == "mean" else [inner], "large")
    otherwise = openvino.Model([_result(kept.output(0), 0.0)], [kept], "small")

    greatest = ops.reduce_max(scores, np.array([1], np.int64), keep_dims=False)
    chosen = ops.if_op(ops.less(greatest, defer_below).output(0))
    chosen.set_then_body(then)
    chosen.set_else_body(otherwise)
    chosen.set_input(images.output(0), inner, None)
    chosen.set_input(scores, asked if rule == "mean" else None, kept)
    answer = chosen.set_output(then.get_results()[0], otherwise.get_results()[0])
    return openvino.Model([ops.result(answer)], [images, defer_below], "cascade")


def _result(scores: openvino.Output, deferred: float) -> openvino.Node:
    return ops.result(ops.concat([scores, np.array([[deferred]], np.float32)], 1))
