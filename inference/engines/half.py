"""
A float32 TorchScript module as one that computes in half precision where that is harmless.

``module.half()`` does not do it: a frozen module's weights are constants of its graph, and its casts are written there.
torch's autocast does not do it either: it would cast the weights anew in each forward pass, and compute a head that
comes after the softmax in 11 bits, where logarithms of small probabilities lose their first digit. So the graph is
rewritten, once, at load.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import torch
from torch import Tensor

from inference.engines.convolutions import frozen

Forward = Callable[[Tensor], Tensor]
Kind = Literal["half", "float", "other"]

# What gains from half precision on tensor cores, and adds up in float32 there.
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
# Source: torch's autocast, the operators that it brings to float32 (aten/src/ATen/autocast_mode.h), those that
# classifiers have. Layer norm is left out: the kernels add up in float32 anyway. The pooling before the last layer is
# added: it makes the features few, so the rest is float32 at no cost, and logits above 8 are not rounded to 1/128.
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
Of the convolutions, the first sixteenth stays in float32: what is rounded early is carried through all that follows.
With Lite2 (4 of 64) the score of 379 photographs that moves most then moves by 0.007 instead of 0.013.
"""
_MIXED: Final = {"aten::batch_norm"}  # takes half with statistics in float32, which may not fit into half
_SCALAR_TYPES: Final[dict[int, Kind]] = {5: "half", 6: "float"}  # c10/core/ScalarType.h
_HALF: Final = 5
_FLOAT: Final = 6


class NoHalfPrecision(ValueError):  # noqa: N818 - the name says what the matter is
    """The module cannot be rewritten; it can run as it is."""


def halved(module: torch.jit.ScriptModule) -> Forward:
    """
    ``module`` as a function with the same arguments, that answers in float32 as before.

    Convolutions run in half precision, and so does what follows them until a mean, softmax, logarithm or the like.
    From there on it is float32 again, up to the next convolution. What comes before the first one (normalisation) stays
    as it is, and so does the first sixteenth of the convolutions. Weights are cast here, once, such that the errors of
    one filter's weights cancel each other.

    Args:
        module: loaded on the device it is to run on, in evaluation mode, without branches or loops: traced.

    Raises:
        NoHalfPrecision: if it has those, attributes that cannot be frozen, or weights that do not fit into half.
    """
    graph: Any = frozen(module.eval()).graph.copy()
    if any(True for node in graph.nodes() for _ in node.blocks()):
        raise NoHalfPrecision("the module branches or loops; trace it")
    if graph.findNode("prim::GetAttr") or graph.findNode("prim::CallMethod"):
        raise NoHalfPrecision("the module's weights cannot be frozen")
    _Rewriting(graph).run()
    graph.eraseInput(0)  # the module itself
    torch._C._jit_pass_dce(graph)  # noqa: SLF001 - the only way to torch's own pass: drops the float32 weights
    torch._C._jit_pass_lint(graph)  # noqa: SLF001 - as above: raises if the rewriting broke a rule of graphs
    forward: Forward = torch._C._create_function_from_graph("halved", graph)  # noqa: SLF001 - as above
    return forward


class _Rewriting:
    """One walk over a graph, in its order, noting of each value what it has become."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._kinds: dict[str, Kind] = {}
        self._exact = sum(node.kind() in _ALWAYS_HALF for node in graph.nodes()) // _FLOAT_SHARE

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
        is_early = node.kind() in _ALWAYS_HALF and self._exact > 0
        self._exact -= is_early
        if is_early or node.kind() in _ALWAYS_FLOAT:
            self._cast(node, tensors, _FLOAT)
            return "float"
        if node.kind() in _ALWAYS_HALF or (node.kind() in _HALF_AMONG_HALVES and "half" in given):
            self._cast(node, tensors, _HALF)
            return "half"
        if "half" in given and "float" not in given and node.kind() not in _MIXED:
            self._lower_constants(node, tensors)
        said = _dtype(node)
        return said or ("float" if "float" in given else "half" if "half" in given else self._of_constants(node))

    def _kind(self, value: Any) -> Kind:
        return self._kinds.get(value.debugName(), "other")

    def _of_constants(self, node: Any) -> Kind:
        return "float" if any(self._kind(value) == "float" for value in node.inputs()) else "other"

    def _cast(self, node: Any, positions: Any, scalar_type: int) -> None:
        """Give ``node`` these inputs in that type: constants are replaced, values cast, what has the type is left."""
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
        """Scales, shifts and the like, which would otherwise pull their partner back to float32."""
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
    """What the operator says that it gives, if it has such an argument and it is set."""
    if not node.kind().startswith("aten::") or "ScalarType" not in node.schema():
        return None
    said = next((value for name, value in _named(node) if name == "dtype"), None)
    return None if said is None else _SCALAR_TYPES.get(said, "other")


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
    ``weights`` (filters, …) in half precision, with the errors of a filter adding up to nearly nothing.

    What follows a ReLU is positive, so errors that all point one way would shift a filter's every answer. Each weight
    is rounded together with what the ones before it left over, the large ones first: the small ones, whose steps are
    finer, take it up. Source: the diffusion of errors in the rendering of grey levels (Floyd and Steinberg, 1976).
    """
    rows = weights.reshape(len(weights), -1).double().cpu()  # step by step: a device would take one kernel for each
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
