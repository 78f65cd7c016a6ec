"""Element-wise kernels against NumPy in float64: every dtype, every layout, extreme values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from abi import Failure, Scalar
from layouts import (
    ALL,
    BF16,
    COMPLEX,
    FLOATS,
    LAYOUTS,
    broadcast,
    check,
    contiguous,
    sliced,
    values,
    wide,
)

erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


def sigmoid(x):
    return np.where(
        x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))
    )


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# name -> (float64 function, low, high)
UNARY = {
    "neg": (np.negative, -3, 3), "abs": (np.abs, -3, 3), "sign": (np.sign, -3, 3),
    "floor": (np.floor, -3, 3), "ceil": (np.ceil, -3, 3), "round": (np.rint, -3, 3),
    "trunc": (np.trunc, -3, 3), "sqrt": (np.sqrt, 0, 9), "exp": (np.exp, -9, 9),
    "expm1": (np.expm1, -3, 3), "log": (np.log, 0.01, 9), "log1p": (np.log1p, -0.9, 9),
    "sin": (np.sin, -9, 9), "cos": (np.cos, -9, 9), "tanh": (np.tanh, -5, 5),
    "tan": (np.tan, -1.5, 1.5), "asin": (np.arcsin, -1, 1), "acos": (np.arccos, -1, 1),
    "atan": (np.arctan, -5, 5), "sinh": (np.sinh, -5, 5), "cosh": (np.cosh, -5, 5),
    "asinh": (np.arcsinh, -5, 5), "acosh": (np.arccosh, 1, 9), "atanh": (np.arctanh, -0.9, 0.9),
    "erf": (erf, -4, 4), "erfc": (erfc, -4, 4), "relu": (lambda x: np.maximum(x, 0), -3, 3),
    "sigmoid": (sigmoid, -9, 9), "silu": (lambda x: x * sigmoid(x), -9, 9),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 0.1, 9), "reciprocal": (lambda x: 1 / x, 0.1, 9),
    "square": (np.square, -3, 3), "exp2": (np.exp2, -9, 9), "log2": (np.log2, 0.01, 9),
    "log10": (np.log10, 0.01, 9),
}  # fmt: skip
COMPLEX_UNARY = [
    "neg", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "tan", "asin", "acos",
    "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "square", "reciprocal",
]  # fmt: skip
SHAPE = (5, 7, 300)  # rows long enough to be read in place, and not a multiple of any vector


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_unary(simd_device, op, dtype):
    f, low, high = UNARY[op]
    for layout in LAYOUTS:
        x = layout(SHAPE, dtype, 1, low=low, high=high)
        (y,) = simd_device.run(op, [x], [(SHAPE, dtype)])
        check(y, f(wide(x)), scale=1e-3 if op in ("log", "log2", "log10", "sin", "cos") else 0)


@pytest.mark.parametrize("op", COMPLEX_UNARY)
@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_complex_unary(blas, op, dtype):
    f = UNARY[op][0]
    for layout in LAYOUTS:
        x = layout((5, 7, 31), dtype, 1, low=-2, high=2)
        (y,) = blas.run(op, [x], [(x.shape, dtype)])
        check(y, f(wide(x)), ulps=32, scale=0.1)


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX], ids=str)
def test_isnan_and_abs(blas, dtype):
    x = values((3, 50), dtype)
    x[1, 3:9] = np.nan
    x[2, 1] = np.inf
    (y,) = blas.run("isnan", [x], [(x.shape, bool)])
    np.testing.assert_array_equal(y, np.isnan(wide(x)))
    real = {8: "f4", 16: "f8"}[dtype.itemsize] if dtype.kind == "c" else dtype
    (y,) = blas.run("abs", [x], [(x.shape, real)])
    check(y, np.abs(wide(x)))


EXTREME = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.2e-38, 88.0, 88.8, 89.5,
           -87.0, -88.0, -103.0, -104.5, -150.0, 127.9, 128.1, -126.5, -149.0, -151.0, 3e38, -3e38,
           0.7071, 1.4142, 1e-7, -1e-7, 0.5, 2.5, -2.5, 3.5, 1e10, -1e10, 5.0, -5.0, 15.0, -15.0,
           300.0, 0.92, -0.92, 3.95, 1e30]  # fmt: skip


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_extreme_values(simd_device, op, dtype):
    with np.errstate(all="ignore"):
        x = np.array(EXTREME, dtype)
        want = UNARY[op][0](x.astype("f8"))
        (y,) = simd_device.run(op, [x], [(x.shape, dtype)])
        if op == "silu":  # inf * 0 on the left
            want[x == -np.inf] = y[x == -np.inf]
        finite = np.isfinite(want)
        scale = {"sin": 1e-7, "cos": 1e-7, "tan": 1e-7, "silu": 1e-37}.get(op, 0)
        check(y[finite], want[finite], ulps=4, scale=scale)
        np.testing.assert_array_equal(y[~finite], want[~finite].astype(dtype))


def test_gelu(simd_device):
    x = np.linspace(-8, 8, 4001).astype("f4")
    (y,) = simd_device.run("gelu", [x], [(x.shape, "f4")], approximate="none")
    check(y, gelu(x.astype("f8")), scale=1)
    (y,) = simd_device.run("gelu", [x], [(x.shape, "f4")], approximate="tanh")
    check(y, gelu_tanh(x.astype("f8")), scale=1)
    big = np.array([-1e30, -100, 100, 1e30, np.nan], "f4")
    for how in ("none", "tanh"):
        (y,) = simd_device.run("gelu", [big], [(big.shape, "f4")], approximate=how)
        np.testing.assert_array_equal(y, np.array([0, 0, 100, 1e30, np.nan], "f4"))


BACKWARD = {
    "relu_backward": lambda g, y: np.where(y > 0, g, 0),
    "sigmoid_backward": lambda g, y: g * y * (1 - y),
    "tanh_backward": lambda g, y: g * (1 - y * y),
    "silu_backward": lambda g, x: g * sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    "gelu_backward": lambda g, x: (
        g * (0.5 * (1 + erf(x / math.sqrt(2))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))
    ),
}


@pytest.mark.parametrize("op", BACKWARD)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_backward(simd_device, op, dtype):
    for layout in LAYOUTS:
        g, x = layout(SHAPE, dtype, 1), contiguous(SHAPE, dtype, 2, low=-4, high=4)
        (y,) = simd_device.run(op, [g, x], [(SHAPE, dtype)])
        check(y, BACKWARD[op](wide(g), wide(x)), ulps=8, scale=1)


def test_gelu_tanh_backward(simd_device):
    x = np.linspace(-6, 6, 1001)
    h = 1e-6
    want = (gelu_tanh(x + h) - gelu_tanh(x - h)) / (2 * h)
    g = np.ones_like(x, "f4")
    (y,) = simd_device.run(
        "gelu_backward", [g, x.astype("f4")], [(x.shape, "f4")], approximate="tanh"
    )
    np.testing.assert_allclose(y, want, atol=2e-6)


BINARY = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX], ids=str)
def test_arithmetic(simd_device, op, dtype):
    for first in LAYOUTS:
        for second in (contiguous, broadcast, sliced):
            a, b = first(SHAPE, dtype, 1), second(SHAPE, dtype, 2, low=1, high=3)
            (y,) = simd_device.run(op, [a, b], [(SHAPE, dtype)])
            check(y, BINARY[op](wide(a), wide(b)), ulps=8, scale=1)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_pow_fmod_atan2(blas, dtype):
    a, b = sliced(SHAPE, dtype, 1, low=0.1, high=4), broadcast(SHAPE, dtype, 2)
    for op, f in {"pow": np.power, "fmod": np.fmod, "atan2": np.arctan2}.items():
        (y,) = blas.run(op, [a, b], [(SHAPE, dtype)])
        check(y, f(wide(a), wide(b)), ulps=4, scale=1e-2)
    zero = np.zeros(3, dtype)
    (y,) = blas.run("pow", [zero, zero], [(3, dtype)])
    np.testing.assert_array_equal(y.astype("f4"), 1)


COMPARE = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
           "gt": np.greater, "ge": np.greater_equal}  # fmt: skip
SPECIAL = [0, 1, -1, 2.5, np.nan, np.inf, -np.inf, -0.0]


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_compare_and_extremes(simd_device, dtype):
    with np.errstate(all="ignore"):
        s = np.array(SPECIAL).astype(dtype) if dtype.kind not in "iu" else values(8, dtype)
    a, b = np.repeat(s, 8).reshape(8, 8), np.tile(s, 8).reshape(8, 8)
    for op, f in COMPARE.items():
        if dtype.kind == "c" and op not in ("eq", "ne"):
            with pytest.raises(Failure) as e:
                simd_device.run(op, [a, b], [(a.shape, bool)])
            assert e.value.status == 1
            continue
        (y,) = simd_device.run(op, [a, b], [(a.shape, bool)])
        np.testing.assert_array_equal(y, f(a, b))
    if dtype.kind == "c":
        return
    for op, f in {"maximum": np.maximum, "minimum": np.minimum}.items():
        (y,) = simd_device.run(op, [a, b], [(a.shape, dtype)])
        np.testing.assert_array_equal(y.astype("f8"), f(wide(a), wide(b)).astype("f8"))


def test_scalars_small_sizes_and_in_place(simd_device):
    for n in [0, 1, 2, 15, 16, 17, 1023, 1024, 1025, 5000, 100_000]:
        x = values(n, np.dtype("f4"), 1)
        (y,) = simd_device.run("mul", [x, Scalar(1.5, "f4")], [(n, "f4")])
        np.testing.assert_array_equal(y, x * np.float32(1.5))
        (y,) = simd_device.run("sub", [Scalar(1.5, BF16), x.astype(BF16)], [(n, BF16)])
        np.testing.assert_array_equal(y, (1.5 - x.astype(BF16).astype("f4")).astype(BF16))
        z = x.copy()
        simd_device.run("add", [z, z], [z])
        np.testing.assert_array_equal(z, x + x)
        w = x.copy()
        simd_device.run("exp", [w], [w])
        check(w, np.exp(x.astype("f8")))
    (y,) = simd_device.run("add", [Scalar(2, "f8"), Scalar(3, "f8")], [((), "f8")])
    assert y == 5
    for shape in [(), (1, 1), (3, 0, 2)]:
        a = values(shape, np.dtype("f4"))
        (y,) = simd_device.run("add", [np.asarray(a), np.asarray(a)], [(shape, "f4")])
        np.testing.assert_array_equal(y, a + a)


def test_past_the_caches(blas):
    """Results that are written past the caches: the same numbers, and odd ends too."""
    n = (24 << 20) // 4 + 1001
    a = np.arange(n, dtype="f4")
    (y,) = blas.run("add", [a, Scalar(1, "f4")], [(n, "f4")])
    assert (y == a + 1).all()
    (y,) = blas.run("copy", [a], [(n, "f4")])
    assert (y == a).all()


@pytest.mark.parametrize("dtype", [*FLOATS, np.dtype("i4"), np.dtype("i2")], ids=str)
def test_long_rows_against_a_column(simd_device, dtype):
    x, c = values((5, 3, 700), dtype, 1), values((5, 3, 1), dtype, 2)
    (y,) = simd_device.run("add", [x, np.broadcast_to(c, x.shape)], [(x.shape, dtype)])
    np.testing.assert_array_equal(y, x + c)


def test_pairs_and_other_short_rows_are_copied(simd_device):
    for shape in [(3, 5, 40, 1), (6, 1, 7, 1), (2, 3, 300, 1)]:
        for n in (2, 3, 15):
            for t in ("f4", "f8", "u1", "c16"):
                x = np.broadcast_to(values(shape, np.dtype(t), 1), (*shape[:-1], n))
                (y,) = simd_device.run("copy", [x], [(x.shape, t)])
                np.testing.assert_array_equal(y, x)
                turned = values((n, *shape[:-1]), np.dtype(t), 2).transpose(1, 2, 3, 0)
                (y,) = simd_device.run("copy", [turned], [(turned.shape, t)])
                np.testing.assert_array_equal(y, turned)
