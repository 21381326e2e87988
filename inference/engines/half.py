"""
Rewrites a float32 TorchScript module so that it computes in half precision where that is safe.

``module.half()`` does not work: a frozen module's weights and casts are constants of its graph. torch's autocast does
not work either: it would cast the weights in each forward pass, and compute a head after the softmax in 11 bits, where
logarithms of small probabilities lose their first digit. So the graph is rewritten once, at load.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import torch
from torch import Tensor

from inference.engines.convolutions import frozen

Forward = Callable[[Tensor], Tensor]
Kind = Literal["half", "float", "other"]

# Faster in half precision on tensor cores, which accumulate in float32.
_ALWAYS_HALF: Final = {
    "aten::_convolution",
    "aten::conv1d",
    "aten::conv2d",
    "aten::conv3d",
    "aten::conv_transpose2d",
}
_HALF_AMONG_HALVES: Final = {
    "aten::addmm",
    "aten::baddbmm",
    "aten::bmm",
    "aten::linear",
    "aten::matmul",
    "aten::mm",
    "aten::scaled_dot_product_attention",
}
# Source: the operators that torch's autocast casts to float32 (aten/src/ATen/autocast_mode.h), as far as classifiers
# have them. Without layer norm, whose kernels accumulate in float32 anyway. With the pooling before the last layer: few
# features remain after it, so the rest is float32 at no cost, and logits above 8 are not rounded to 1/128.
_ALWAYS_FLOAT: Final = {
    "aten::adaptive_avg_pool2d",
    "aten::cumsum",
    "aten::exp",
    "aten::log",
    "aten::log10",
    "aten::log1p",
    "aten::log2",
    "aten::log_softmax",
    "aten::mean",
    "aten::norm",
    "aten::pow",
    "aten::prod",
    "aten::reciprocal",
    "aten::rsqrt",
    "aten::softmax",
    "aten::softplus",
    "aten::sum",
}
_FLOAT_SHARE: Final = 16
"""
The first 1/16 of the convolutions stays in float32, since early rounding errors pass through all later layers. With
Lite2 (4 of 64), the largest change of a score over 379 photographs is then 0.007 instead of 0.013. First are those with
the fewest convolutions before them, so that each network of a cascade keeps its own.
"""
_MIXED: Final = {"aten::batch_norm"}  # takes half with float32 statistics, which may not fit into half
_SCALAR_TYPES: Final[dict[int, Kind]] = {5: "half", 6: "float"}  # c10/core/ScalarType.h
_HALF: Final = 5
_FLOAT: Final = 6


class NoHalfPrecision(ValueError):  # noqa: N818 - the name says what happened
    """The module cannot be rewritten; it can run in float32."""


def halved(module: torch.jit.ScriptModule) -> Forward:
    """
    A function that computes ``module`` in half precision, with the same arguments and a float32 result.

    Convolutions run in half precision, as do the operators after them until a mean, softmax, logarithm or similar. From
    there it is float32 up to the next convolution. Operators before the first convolution (normalisation) and the first
    1/16 of the convolutions stay in float32. Weights are cast once, so that the rounding errors within a filter cancel.

    Args:
        module: traced (no branches or loops), in evaluation mode, loaded on its device.

    Raises:
        NoHalfPrecision: the module has branches, loops, attributes that cannot be frozen, or weights too large for
            half.
    """
    graph: Any = frozen(module.eval()).graph.copy()
    if any(True for node in graph.nodes() for _ in node.blocks()):
        raise NoHalfPrecision("the module branches or loops; trace it")
    if graph.findNode("prim::GetAttr") or graph.findNode("prim::CallMethod"):
        raise NoHalfPrecision("the module's weights cannot be frozen")
    _Rewriter(graph).run()
    graph.eraseInput(0)  # the module itself
    torch._C._jit_pass_dce(graph)  # noqa: SLF001 - the only way to torch's own pass: drops the float32 weights
    torch._C._jit_pass_lint(graph)  # noqa: SLF001 - as above: raises if the rewriting broke a rule of graphs
    forward: Forward = torch._C._create_function_from_graph("halved", graph)  # noqa: SLF001 - as above
    return forward


class _Rewriter:
    """Walks over a graph in order, and tracks the precision of each value."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._kinds: dict[str, Kind] = {}
        self._depths: dict[str, int] = {}  # of each value: the convolutions on the longest way to it
        deepest = max((self._depth(node) for node in graph.nodes()), default=0)
        self._exact = deepest // _FLOAT_SHARE

    def run(self) -> None:
        """Rewrite in place."""
        for node in list(self._graph.nodes()):
            kind = self._rewritten(node)
            for output in node.outputs():
                self._kinds[output.debugName()] = kind
        last = self._graph.return_node()
        self._cast(last, range(1), _FLOAT)

    def _rewritten(self, node: Any) -> Kind:
        if node.kind() == "prim::Constant":
            constant = _constant(node.output())
            return "float" if constant is not None and constant.is_floating_point() else "other"
        tensors = [position for position, value in enumerate(node.inputs()) if _is_tensor(value)]
        given = {self._kind(value) for value in node.inputs() if _constant(value) is None}
        is_early = node.kind() in _ALWAYS_HALF and self._depths[node.output().debugName()] <= self._exact
        if is_early or node.kind() in _ALWAYS_FLOAT:
            self._cast(node, tensors, _FLOAT)
            return "float"
        if node.kind() in _ALWAYS_HALF or (node.kind() in _HALF_AMONG_HALVES and "half" in given):
            self._cast(node, tensors, _HALF)
            return "half"
        if "half" in given and "float" not in given and node.kind() not in _MIXED:
            self._lower_constants(node, tensors)
        stated = _dtype(node)
        return stated or ("float" if "float" in given else "half" if "half" in given else self._of_constants(node))

    def _depth(self, node: Any) -> int:
        depth = max((self._depths.get(value.debugName(), 0) for value in node.inputs()), default=0)
        depth += node.kind() in _ALWAYS_HALF
        for output in node.outputs():
            self._depths[output.debugName()] = depth
        return depth

    def _kind(self, value: Any) -> Kind:
        return self._kinds.get(value.debugName(), "other")

    def _of_constants(self, node: Any) -> Kind:
        return "float" if any(self._kind(value) == "float" for value in node.inputs()) else "other"

    def _cast(self, node: Any, positions: Any, scalar_type: int) -> None:
        """Convert these inputs of ``node`` to a type: replace constants, insert casts for other values."""
        for position in positions:
            value = node.inputsAt(position)
            constant = _constant(value)
            if constant is not None:
                if constant.is_floating_point():
                    node.replaceInput(position, self._inserted(node, _as(constant, scalar_type)))
            elif self._kind(value) != _SCALAR_TYPES[scalar_type]:
                with self._graph.insert_point_guard(node):
                    no, none = self._graph.insertConstant(False), self._graph.insertConstant(None)  # noqa: FBT003 - not ours
                    to = self._graph.insertConstant(scalar_type)
                    cast = self._graph.create("aten::to", [value, to, no, no, none], 1)
                    self._graph.insertNode(cast)
                node.replaceInput(position, cast.output())

    def _lower_constants(self, node: Any, positions: list[int]) -> None:
        """Convert constants such as scales and shifts, which would otherwise promote the result to float32."""
        for position in positions:
            constant = _constant(node.inputsAt(position))
            if constant is not None and constant.dim() > 0 and constant.is_floating_point() and _fits(constant):
                node.replaceInput(position, self._inserted(node, constant.half()))

    def _inserted(self, node: Any, constant: Tensor) -> Any:
        with self._graph.insert_point_guard(node):
            return self._graph.insertConstant(constant)


def _constant(value: Any) -> Tensor | None:
    node = value.node()
    if node.kind() != "prim::Constant" or not node.hasAttribute("value") or node.kindOf("value") != "t":
        return None
    constant: Tensor = node.t("value")
    return constant


def _is_tensor(value: Any) -> bool:
    return bool(value.type().isSubtypeOf(torch._C.TensorType.get()))  # noqa: SLF001 - torch offers no other way


def _dtype(node: Any) -> Kind | None:
    """The result type that the operator's ``dtype`` argument states, if it has one."""
    if not node.kind().startswith("aten::") or "ScalarType" not in node.schema():
        return None
    stated = next((value for name, value in _named(node) if name == "dtype"), None)
    return None if stated is None else _SCALAR_TYPES.get(stated, "other")


def _named(node: Any) -> Iterator[tuple[str, Any]]:
    schema = torch._C.parse_schema(node.schema())  # noqa: SLF001 - torch offers no other way
    for argument, value in zip(schema.arguments, node.inputs(), strict=False):
        yield argument.name, value.toIValue() if value.node().kind() == "prim::Constant" else None


def _as(constant: Tensor, scalar_type: int) -> Tensor:
    if scalar_type == _FLOAT:
        return constant.float()
    if not _fits(constant):
        raise NoHalfPrecision("a weight does not fit into half precision")
    return _diffused(constant) if constant.dim() > 1 else constant.half()


def _diffused(weights: Tensor) -> Tensor:
    """
    ``weights`` (filters, …) in half precision, with rounding errors that nearly cancel within each filter.

    Inputs after a ReLU are positive, so errors of one sign would shift all results of a filter. Each weight is rounded
    together with the remainder of those before it, large weights first, since small weights have finer steps. Source:
    error diffusion (Floyd and Steinberg, 1976).
    """
    rows = weights.reshape(len(weights), -1).double().cpu()  # sequential: on a device, each step would be a kernel
    order = rows.abs().argsort(dim=1, descending=True)
    exact, left = rows.gather(1, order).T, torch.zeros(len(rows), dtype=torch.double)
    halves = torch.empty_like(exact, dtype=torch.half)
    for weight, half in zip(exact, halves, strict=True):
        half.copy_((weight + left).half())
        left += weight - half
    rounded = torch.empty_like(rows, dtype=torch.half).scatter_(1, order, halves.T)
    return rounded.reshape(weights.shape).to(weights.device)


def _fits(constant: Tensor) -> bool:
    return bool(torch.isfinite(constant.half()).all())
