"""Rules of the pattern pass, as data: what is written out by hand, and the op that it is.

A pattern is an expression over kernels. `x` is any tensor, the same wherever the name comes again;
`#n` is a number that is known now; `-` is an absent input. Operands of add and mul may stand either
way round. A rule holds only if its condition does and the device prefers the op; then all that is
between the pattern's inputs and its result goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import _core, dtypes

Found = dict[str, Any]  # what the names of a pattern stand for; op names: their nodes


@dataclass(frozen=True)
class Rule:
    """`build(found, out)` gives (inputs, attrs) of the op, or None where it is something else."""

    op: str
    pattern: str
    build: Callable[[Found, Any], tuple[list[Any], dict[str, Any]] | None]


def _last(found: Found, *ops: str) -> bool:
    """Do these reductions go over the last dim alone?"""
    dims = [node.attrs["dims"] for op in ops for node in found[op]]
    return all(tuple(d) == (found["x"].ndim - 1,) for d in dims)


def _mean(found: Found) -> bool:
    """Is n what a mean over the last dim multiplies with?"""
    return math.isclose(found["n"], 1 / found["x"].shape[-1], rel_tol=1e-6)


def _row(t: Any, n: int) -> Any:
    """The one row that `t` repeats, as [n]; None if it is anything else."""
    if t.shape[-1:] != (n,) or any(t.strides[:-1]) or (n > 1 and t.strides[-1] != 1):
        return None
    return _core.view(t, [n], [1], t._offset, None)


def _rms_norm(found: Found, out: Any) -> Any:
    if not _last(found, "sum") or not _mean(found) or out.dtype.itemsize < 4:
        return None
    if found.get("h", -0.5) != -0.5:
        return None
    return [found["x"], None], {"eps": found["eps"]}


def _weighted(name: str, inputs: int) -> Any:
    """One more row for a norm: its weight or its bias."""

    def build(found: Found, out: Any) -> Any:
        (node,) = found[name]
        row = _row(found["w"], found["x"].shape[-1])
        if row is None or row.dtype is not out.dtype:
            return None
        ins = [*node.inputs]
        ins[inputs] = row
        return ins, node.attrs

    return build


def _layer_norm(found: Found, out: Any) -> Any:
    if not _last(found, "sum") or not _mean(found) or out.dtype.itemsize < 4:
        return None
    return [found["x"], None, None], {"eps": found["eps"]}


def _softmax(found: Found, out: Any) -> Any:
    dims = {tuple(node.attrs["dims"]) for op in ("sum", "amax") for node in found[op]}
    if len(dims) != 1 or out.dtype.itemsize < 4:
        return None
    (dim,) = dims
    return ([found["x"]], {"dim": dim[0]}) if len(dim) == 1 else None


def _linear(found: Found, out: Any) -> Any:
    x, w = found["x"], found["w"]
    if "matmul" in found:  # [..., K, N], the same for all
        if any(w.strides[:-2]):
            return None
        w = _core.view(w, w.shape[:-3:-1], w.strides[:-3:-1], w._offset, None)
    bias = _row(found["b"], w.shape[0])
    if bias is None or bias.dtype is not out.dtype or not out.dtype.is_floating_point:
        return None
    return [x, w, bias], {}


def _product(found: Found, out: Any) -> tuple[Any, Any] | None:
    """a and b with the result's leading dims."""
    a, b, lead = found["a"], found["b"], out.shape[:-1]
    if a.shape[:-1] == lead and b.ndim == a.ndim:
        return a, b
    rows, steps = a.shape[:-1], a.strides[:-1]
    if b.ndim != 2 or math.prod(rows) != math.prod(lead):
        return None
    if any(steps[i] != steps[i + 1] * rows[i + 1] for i in range(len(rows) - 1)):
        return None  # rows that do not follow each other are not counted otherwise
    new = [steps[-1] * math.prod(lead[i + 1 :]) for i in range(len(lead))]
    a = _core.view(a, [*lead, a.shape[-1]], [*new, a.strides[-1]], a._offset, None)
    repeated = [0] * (len(lead) - 1)
    return a, _core.view(b, [*lead[:-1], *b.shape], [*repeated, *b.strides], b._offset, None)


def _wide(found: Found, out: Any) -> Any:
    """What is multiplied in 16 bits and then needed in float32 stays in float32."""
    ab = _product(found, out) if out.dtype is dtypes.float32 else None
    return None if ab is None or ab[0].dtype not in HALVES else ([*ab, None], {})


def _wide_linear(found: Found, out: Any) -> Any:
    w = found["b"]
    turned = _core.view(w, w.shape[::-1], w.strides[::-1], w._offset, None)
    return _wide({**found, "b": turned}, out)


def _plus(found: Found, out: Any) -> Any:
    x = found["x"]
    if x.dtype is not out.dtype or x.shape != out.shape:
        return None
    ab = _product(found, out)
    return None if ab is None else ([*ab, x], {})


def _summed(found: Found, out: Any) -> Any:
    """a b + c d + e f, which is summed from the innermost to the outermost of the rule."""
    pairs = [_product({"a": found[a], "b": found[b]}, out) for a, b in _PAIRS if a in found]
    if any(pair is None for pair in pairs):
        return None
    return [t for pair in reversed(pairs) if pair for t in pair], {}


_PAIRS = (("a", "b"), ("c", "d"), ("e", "f"))
_TWO = "matmul_accumulate(a, b, %s)"
_THREE = "matmul_accumulate(a, b, matmul_accumulate(c, d, %s))"
_VARIANCE = "add(mul(sum(square(x)), #n), #eps)"
_CENTRED = "sub(x, mul(sum(x), #n))"
_SPREAD = f"add(mul(sum(square({_CENTRED})), #n), #eps)"
_POWERS = "exp(sub(x, amax(x)))"

RULES = [  # the first that holds wins: a layer norm is an rms norm of what is centred
    Rule("layer_norm", f"mul({_CENTRED}, rsqrt({_SPREAD}))", _layer_norm),
    Rule("layer_norm", f"div({_CENTRED}, sqrt({_SPREAD}))", _layer_norm),
    Rule("layer_norm", "mul(layer_norm(x, -, -), w)", _weighted("layer_norm", 1)),
    Rule("layer_norm", "add(layer_norm(x, v, -), w)", _weighted("layer_norm", 2)),
    Rule("rms_norm", f"mul(x, rsqrt({_VARIANCE}))", _rms_norm),
    Rule("rms_norm", f"div(x, sqrt({_VARIANCE}))", _rms_norm),
    Rule("rms_norm", f"mul(x, pow({_VARIANCE}, #h))", _rms_norm),
    Rule("rms_norm", "mul(rms_norm(x, -), w)", _weighted("rms_norm", 1)),
    Rule("softmax", f"div({_POWERS}, sum({_POWERS}))", _softmax),
    Rule("linear", "add(linear(x, w, -), b)", _linear),
    Rule("linear", "add(matmul(x, w), b)", _linear),
    Rule("matmul_accumulate", "cast(matmul(a, b))", _wide),
    Rule("matmul_accumulate", "cast(linear(a, b, -))", _wide_linear),
    Rule("matmul_accumulate", "add(x, matmul_accumulate(a, b, -))", _plus),
    Rule("matmul_accumulate", "add(x, matmul(a, b))", _plus),
    Rule("matmul_sum", _THREE % "matmul_accumulate(e, f, -)", _summed),
    Rule("matmul_sum", _THREE % "matmul(e, f)", _summed),
    Rule("matmul_sum", _TWO % "matmul_accumulate(c, d, -)", _summed),
    Rule("matmul_sum", _TWO % "matmul(c, d)", _summed),
]

# Norms, and the kernels that are a norm with what stands around it.
NORMS = {name: f"residual_{name}" for name in ("rms_norm", "layer_norm")}
NORMS_BACKWARD = {f"{name}_backward": f"residual_{name}_backward" for name in NORMS}

# A power that is a number known now, and the kernel that it is. (Not of a half: the root of -inf is
# NaN, the power is inf.)
POWERS = {2.0: "square", -1.0: "reciprocal"}
HALVES = (dtypes.float16, dtypes.bfloat16)
FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
