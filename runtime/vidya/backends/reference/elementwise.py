"""Element-wise kernels: one NumPy ufunc each, and the few whose integers need care."""

from __future__ import annotations

import math

import numpy as np

from .table import VIEWS, Caps, array_kernel, kernel, store, widened

ELEMENTWISE = VIEWS | Caps.INPLACE


def _ufunc(op: str, fn: np.ufunc, types: str) -> None:
    def build(inputs, outputs, attrs):
        metas = (*inputs, *outputs)
        if any(m.dtype.is_floating_point and m.dtype.itemsize == 2 for m in metas):
            return lambda ins, outs: store(outs, (fn(*map(widened, ins)),))

        def run(ins, outs):
            fn(*ins, out=outs[0])

        return run

    kernel(op, types, ELEMENTWISE)(build)


for _op, _fn, _types in [
    ("neg", np.negative, "fci"),
    ("abs", np.absolute, "fci"),
    ("sign", np.sign, "fi"),
    ("floor", np.floor, "f"),
    ("ceil", np.ceil, "f"),
    ("round", np.rint, "f"),
    ("trunc", np.trunc, "f"),
    ("sqrt", np.sqrt, "fc"),
    ("exp", np.exp, "fc"),
    ("expm1", np.expm1, "fc"),
    ("log", np.log, "fc"),
    ("log1p", np.log1p, "fc"),
    ("sin", np.sin, "fc"),
    ("cos", np.cos, "fc"),
    ("tan", np.tan, "fc"),
    ("asin", np.arcsin, "fc"),
    ("acos", np.arccos, "fc"),
    ("atan", np.arctan, "fc"),
    ("sinh", np.sinh, "fc"),
    ("cosh", np.cosh, "fc"),
    ("tanh", np.tanh, "fc"),
    ("asinh", np.arcsinh, "fc"),
    ("acosh", np.arccosh, "fc"),
    ("atanh", np.arctanh, "fc"),
    ("isnan", np.isnan, "fc"),
    ("bitwise_not", np.invert, "ib"),
    ("add", np.add, "fcib"),
    ("sub", np.subtract, "fci"),
    ("mul", np.multiply, "fcib"),
    ("fmod", np.fmod, "fi"),
    ("atan2", np.arctan2, "f"),
    ("maximum", np.maximum, "fib"),
    ("minimum", np.minimum, "fib"),
    ("eq", np.equal, "fcib"),
    ("ne", np.not_equal, "fcib"),
    ("lt", np.less, "fib"),
    ("le", np.less_equal, "fib"),
    ("gt", np.greater, "fib"),
    ("ge", np.greater_equal, "fib"),
    ("bitwise_and", np.bitwise_and, "ib"),
    ("bitwise_or", np.bitwise_or, "ib"),
    ("bitwise_xor", np.bitwise_xor, "ib"),
    ("shift_left", np.left_shift, "i"),
    ("shift_right", np.right_shift, "i"),
]:
    _ufunc(_op, _fn, _types)


def _each(fn, x: np.ndarray) -> np.ndarray:
    """A function of the `math` module at every element, in double precision."""
    values = [fn(v) for v in np.asarray(x, np.float64).ravel().tolist()]
    return np.array(values, np.float64).reshape(x.shape)


@array_kernel("erf", "f", ELEMENTWISE)
def erf(x):
    return _each(math.erf, x)


@array_kernel("erfc", "f", ELEMENTWISE | Caps.PREFERRED)  # 1 - erf(x) has no digits left at x = 6
def erfc(x):
    return _each(math.erfc, x)


@array_kernel("div", "fci", ELEMENTWISE)
def div(x, y):
    """x / y; integers truncate toward zero and give 0 where y is 0."""
    if x.dtype.kind not in "iu":
        return np.true_divide(x, y)
    divisor = np.where(y == 0, np.ones_like(y), y)
    floor = np.floor_divide(x, divisor)
    inexact = x != floor * divisor
    quotient = floor + ((x < 0) != (y < 0)) * inexact.astype(x.dtype)
    return np.where(y == 0, np.zeros_like(quotient), quotient)


def float_power(x, y):
    """C's pow: for one exponent 0.5 NumPy takes square roots, which differ at -0 and -inf."""
    if x.dtype.kind == "c":
        return np.power(x, y)
    root = (y == 0.5) & ((x == 0) | np.isneginf(x))
    return np.power(np.where(root, np.abs(x), x), y)


@array_kernel("pow", "fci", ELEMENTWISE)
def power(x, y):
    """x ** y; an integer power with a negative exponent truncates: 0, but 1 and ±1 for base ±1."""
    if x.dtype.kind not in "iu":
        return float_power(x, y)
    result = np.power(x, np.maximum(y, 0))
    of_unit = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0))
    return np.where(y < 0, of_unit.astype(x.dtype), result)


@kernel("where", typed=1, caps=ELEMENTWISE)
def _where(inputs, outputs, attrs):
    return lambda ins, outs: store(outs, (np.where(*ins),))


@kernel("cast")
def _cast(inputs, outputs, attrs):
    to_bool = outputs[0].dtype.np == np.bool_
    to_complex = outputs[0].dtype.is_complex

    def run(ins, outs):
        x = widened(ins[0])
        if to_bool:
            x = x != 0  # a NaN is true
        elif x.dtype.kind == "c" and not to_complex:
            x = x.real
        outs[0][...] = x

    return run
