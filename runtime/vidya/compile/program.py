"""The program of an `ewise` kernel, and which kernels are which instructions of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core, dtypes
from ..engine.trace import Node, Trace

ROUND = {dtypes.bfloat16: "round_bf16", dtypes.float16: "round_f16"}

# Kernels that are one instruction of the program, by name.
SIMPLE = {
    "neg", "abs", "sign", "floor", "ceil", "round", "trunc", "sqrt", "rsqrt", "reciprocal",
    "square", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf", "sigmoid", "relu",
    "silu", "add", "sub", "mul", "div", "pow", "maximum", "minimum", "eq", "ne", "lt", "le", "gt",
    "ge", "where", "frac", "lerp", "hardswish", "hardswish_backward", "softplus",
    "softplus_backward",
}  # fmt: skip


class Program:
    """Instructions "op a b c"; instruction i defines register n_inputs + i."""

    def __init__(self, trace: Trace, wide: bool) -> None:
        self.trace = trace
        self.float = dtypes.float64 if wide else dtypes.float32
        self.inputs: list[Any] = []
        self.steps: list[tuple[str, tuple[Any, ...]]] = []

    def number(self, value: float) -> tuple[str, int]:
        """A constant, as an operand."""
        return self.input(self.trace.constant(float(value)))

    def input(self, tensor: Any) -> tuple[str, int]:
        if tensor._slot < 0:  # a number may have any type: the program's holds its value
            tensor = _core.view(tensor, [], [], 0, self.float)
        for i, known in enumerate(self.inputs):
            if _same(known, tensor):
                return ("in", i)
        self.inputs.append(tensor)
        return ("in", len(self.inputs) - 1)

    def step(self, op: str, *args: Any) -> tuple[str, int]:
        self.steps.append((op, args))
        return ("step", len(self.steps) - 1)

    def register(self, ref: tuple[str, int]) -> int:
        return ref[1] if ref[0] == "in" else len(self.inputs) + ref[1]

    def text(self) -> str:
        return ";".join(
            " ".join([op, *(str(self.register(a)) for a in args)]) for op, args in self.steps
        )


def _same(a: Any, b: Any) -> bool:
    return a._slot == b._slot and a._meta_key == b._meta_key and a._offset == b._offset


# Kernels that are several instructions.
def _relu_backward(p: Program, node: Node, g: Any, y: Any) -> Any:
    zero = p.step("sub", y, y)
    return p.step("where", p.step("gt", y, zero), g, zero)


def _sigmoid_backward(p: Program, node: Node, g: Any, y: Any) -> Any:
    return p.step("mul", g, p.step("sub", y, p.step("square", y)))


def _tanh_backward(p: Program, node: Node, g: Any, y: Any) -> Any:
    return p.step("sub", g, p.step("mul", g, p.step("square", y)))


def _silu_backward(p: Program, node: Node, g: Any, x: Any) -> Any:
    s = p.step("sigmoid", x)  # g (s + x s - x s s)
    xs = p.step("mul", x, s)
    slope = p.step("sub", p.step("add", s, xs), p.step("mul", xs, s))
    return p.step("mul", g, slope)


def _gelu(p: Program, node: Node, x: Any) -> Any:
    return p.step("gelu_tanh" if node.attrs.get("approximate") == "tanh" else "gelu", x)


def _clamp(p: Program, node: Node, x: Any, low: Any, high: Any) -> Any:
    if low is None or high is None:
        return p.step("maximum", x, low) if high is None else p.step("minimum", x, high)
    return p.step("clamp", x, low, high)


def _with_slope(p: Program, node: Node, *args: Any) -> Any:
    return p.step(node.op, *args, p.number(node.attrs["negative_slope"]))


def _cast(p: Program, node: Node, x: Any) -> Any:
    if node.outputs[0].dtype is dtypes.bool_:
        return p.step("ne", x, p.step("sub", x, x))
    return x  # registers are wide; storing rounds, and so does reading in the group


EXPANDED: dict[str, Callable[..., Any]] = {
    "relu_backward": _relu_backward,
    "sigmoid_backward": _sigmoid_backward,
    "tanh_backward": _tanh_backward,
    "silu_backward": _silu_backward,
    "gelu": _gelu,
    "clamp": _clamp,
    "leaky_relu": _with_slope,
    "leaky_relu_backward": _with_slope,
    "cast": _cast,
}
