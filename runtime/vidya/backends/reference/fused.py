"""`ewise`: a program of element-wise instructions, one NumPy call each; the oracle of fusion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from .elementwise import ELEMENTWISE, float_power
from .reduce import accumulator
from .table import array_kernel


def _erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x).astype(x.dtype)


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _gelu_slope(x):
    return 0.5 * (1 + _erf(x * math.sqrt(0.5))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _gelu_tanh_slope(x):
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


_UFUNCS: dict[str, Callable[..., Any]] = {
    "neg": np.negative, "abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
    "round": np.rint, "trunc": np.trunc, "sqrt": np.sqrt, "square": np.square, "exp": np.exp,
    "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2, "log10": np.log10,
    "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tanh": np.tanh,
    "reciprocal": np.reciprocal, "add": np.add, "sub": np.subtract, "mul": np.multiply,
    "div": np.divide, "pow": float_power, "fmod": np.fmod, "maximum": np.maximum,
    "minimum": np.minimum, "eq": np.equal, "ne": np.not_equal, "lt": np.less,
    "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "and": np.logical_and,
    "or": np.logical_or, "not": np.logical_not,
}  # fmt: skip
_MORE: dict[str, Callable[..., Any]] = {
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": _erf,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x * math.sqrt(0.5))),
    "gelu_tanh": _gelu_tanh,
    "where": lambda c, a, b: np.where(c != 0, a, b),
    "fma": lambda a, b, c: a * b + c,
    "round_bf16": lambda x: x.astype(ml_dtypes.bfloat16),
    "round_f16": lambda x: x.astype(np.float16),
    "relu_backward": lambda g, y: np.where(y > 0, g, 0),
    "sigmoid_backward": lambda g, y: g * y * (1 - y),
    "tanh_backward": lambda g, y: g * (1 - y * y),
    "silu_backward": lambda g, x: g * _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
    "gelu_backward": lambda g, x: g * _gelu_slope(x),
    "gelu_tanh_backward": lambda g, x: g * _gelu_tanh_slope(x),
}


@array_kernel("ewise", "fb", ELEMENTWISE)
def ewise(*inputs, program: str, results: tuple[int, ...]):
    """The instructions in order; comparisons give 0 and 1."""
    registers = _registers(inputs, program)
    return tuple(registers[i] for i in results)


@array_kernel("ewise_sums", "fb")
def ewise_sums(*inputs, program: str, results: tuple[int, ...], sums: int, length: int):
    """The same; the last `sums` results are added up over `length` elements each."""
    registers = _registers(inputs, program)
    whole = max(inputs, key=np.ndim)
    rows = [np.broadcast_to(registers[i], whole.shape) for i in results[len(results) - sums :]]
    plain = [registers[i] for i in results[: len(results) - sums]]
    return (*plain, *(np.sum(x.reshape(-1, length), axis=1, dtype=accumulator(x)) for x in rows))


def _registers(inputs, program: str) -> list:
    doubles = any(x.dtype == np.float64 for x in inputs)
    wide = np.float64 if doubles else np.float32
    registers = [np.asarray(x, dtype=wide) for x in inputs]
    for line in program.split(";") if program else ():
        name, *operands = line.split()
        function = _UFUNCS.get(name) or _MORE[name]
        value = function(*(registers[int(i)] for i in operands))
        registers.append(np.asarray(value, dtype=wide))
    return registers
