"""Element-wise programs in NumPy, in float64: what the instructions mean."""

from __future__ import annotations

import math

import numpy as np
from abi import Scalar
from layouts import BF16, BOOL, EPS

F2, F4, F8 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def truth(f):
    return lambda *a: f(*a).astype(np.float64)


# name -> its meaning on float64 arrays
OPS1 = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": erf,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "square": np.square,
    "not": truth(lambda x: x == 0),
    "round_bf16": lambda x: x.astype(np.float32).astype(BF16).astype(np.float64),
    "round_f16": lambda x: x.astype(np.float32).astype(np.float16).astype(np.float64),
}
OPS2 = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmod": np.fmod,
    "eq": truth(np.equal),
    "ne": truth(np.not_equal),
    "lt": truth(np.less),
    "le": truth(np.less_equal),
    "gt": truth(np.greater),
    "ge": truth(np.greater_equal),
    "and": truth(lambda a, b: (a != 0) & (b != 0)),
    "or": truth(lambda a, b: (a != 0) | (b != 0)),
}
OPS3 = {"where": lambda c, a, b: np.where(c != 0, a, b), "fma": lambda a, b, c: a * b + c}
OPS = {**OPS1, **OPS2, **OPS3}
# Those of which a chain neither leaves the numbers' range nor blows a rounding up.


def evaluate(program: str, inputs, single: bool = False):
    """All registers, in float64 (or each step rounded to float32, for what must be exact)."""
    regs = [np.asarray(x.array if isinstance(x, Scalar) else x).astype(np.float64) for x in inputs]
    with np.errstate(all="ignore"):
        for line in program.split(";"):
            name, *at = line.split()
            y = OPS[name](*(regs[int(k)] for k in at))
            regs.append(y.astype(np.float32).astype(np.float64) if single else y)
    return regs


def close(got: np.ndarray, want: np.ndarray, ulps: float = 8, scale: float = 0.0) -> None:
    if got.dtype == BOOL:
        np.testing.assert_array_equal(got, want != 0)
        return
    with np.errstate(all="ignore"):
        w = want.astype(got.dtype).astype(np.float64)
    g = got.astype(np.float64)
    finite = np.isfinite(w)
    bound = ulps * EPS[got.dtype] * np.maximum(np.abs(w), scale)
    bad = finite & ~(np.abs(g - w) <= bound)
    assert not bad.any(), f"{bad.sum()} of {bad.size}: {g[bad][0]!r} for {w[bad][0]!r}"
    np.testing.assert_array_equal(g[~finite], w[~finite])
