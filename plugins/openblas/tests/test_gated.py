"""Gated activations, their gradients, and rotary embedding against NumPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from abi import INVALID, UNSUPPORTED, Failure
from layouts import BF16, LAYOUTS, check, values

F2, F4, F8 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8")
erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x), sigmoid(x) * (1 + x * (1 - sigmoid(x)))


def gelu(x):
    phi = 0.5 * (1 + erf(x / math.sqrt(2)))
    return x * phi, phi + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(x):
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2) * (1 - t * t)
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * slope


GATES = {"swiglu": (silu, {}), "geglu": (gelu, {"approximate": "none"}),
         "geglu_tanh": (gelu_tanh, {"approximate": "tanh"})}  # fmt: skip


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("dtype", [F2, F4, F8, BF16], ids=str)
def test_gate(simd_device, name, dtype):
    f, attrs = GATES[name]
    op = name.removesuffix("_tanh")
    for shape in ((2, 3, 130), (3, 1100), (0, 4)):
        for layout in LAYOUTS:
            g, gate, up = (layout(shape, dtype, k) for k in range(3))
            wide = [a.astype(np.float64) for a in (g, gate, up)]
            y, slope = f(wide[1])
            (got,) = simd_device.run(op, [gate, up], [(shape, dtype)], **attrs)
            check(got, y * wide[2], scale=1)
            dgate, dup = simd_device.run(
                f"{op}_backward", [g, gate, up], [(shape, dtype)] * 2, **attrs
            )
            check(dgate, wide[0] * wide[2] * slope, scale=3, ulps=6)
            check(dup, wide[0] * y, scale=3)


@pytest.mark.parametrize("dtype", [F4, BF16], ids=str)
def test_swiglu_far_from_zero(simd_device, dtype):
    gate = np.array([-np.inf, -1e30, -300, -60, 60, 300, 1e30, np.inf, np.nan] * 9, dtype)
    one = np.ones_like(gate)
    (y,) = simd_device.run("swiglu", [gate, one], [(gate.shape, dtype)])
    _, dup = simd_device.run("swiglu_backward", [one, gate, one], [(gate.shape, dtype)] * 2)
    x = gate.astype("f8")
    with np.errstate(over="ignore", invalid="ignore"):
        want = x / (1 + np.exp(-x))
    for got in (y, dup):
        np.testing.assert_allclose(got.astype("f8"), want, rtol=0.01, atol=1e-30)


@pytest.mark.parametrize("dtype", [F2, F4, F8, BF16], ids=str)
def test_relu_squared(simd_device, dtype):
    x = values((3, 700), dtype, 1)
    (y,) = simd_device.run("relu_squared", [x], [(x.shape, dtype)])
    check(y, np.maximum(x.astype(np.float64), 0) ** 2)


def test_gates_far_out(simd_device):
    x = np.float32([-200, -88, 88, 200, 0, -0.0, np.inf])
    one = np.ones_like(x)
    (y,) = simd_device.run("swiglu", [x, one], [(x.shape, F4)])
    np.testing.assert_allclose(y, [0, -5.3e-37, 88, 200, 0, 0, np.inf], rtol=0.01, atol=1e-38)
    dgate, dup = simd_device.run("swiglu_backward", [one, x, one],
                                 [(x.shape, F4)] * 2)  # fmt: skip
    np.testing.assert_allclose(dgate[:6], [0, 0, 1, 1, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(dup[:6], [0, 0, 88, 200, 0, 0], atol=1e-6)


def rope(x, cos, sin, interleaved):
    half = cos.shape[-1]
    x, cos, sin = (a.astype(np.float64) for a in (x, cos, sin))
    y = x.copy()
    if interleaved:
        first, second = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
    else:
        first, second = slice(0, half), slice(half, 2 * half)
    a, b = x[..., first], x[..., second]
    y[..., first], y[..., second] = a * cos - b * sin, b * cos + a * sin
    return y


@pytest.mark.parametrize("dtype", [F4, BF16, F2], ids=str)
@pytest.mark.parametrize("interleaved", [False, True])
def test_rope(simd_device, dtype, interleaved):
    cases = [  # x, cos
        ((2, 3, 5, 64), (5, 32)), ((2, 3, 5, 64), (2, 1, 5, 32)), ((2, 5, 3, 64), (5, 1, 32)),
        ((7, 18), (7, 5)), ((64,), (32,)), ((2, 0, 8), (1, 4)), ((4, 300, 128), (300, 64)),
        ((3, 6), (1, 3)),
    ]  # fmt: skip
    for shape, table in cases:
        for tables in {dtype, F4}:
            cos, sin = (values(table, tables, k, low=-1, high=1) for k in (1, 2))
            for layout in LAYOUTS:
                x = layout(shape, dtype, 3)
                (y,) = simd_device.run("rope", [x, cos, sin], [(shape, dtype)],
                                       interleaved=interleaved)  # fmt: skip
                check(y, rope(x, cos, sin, interleaved), scale=4)
    x = values((2, 5, 3, 70), dtype, 3)  # into another order than x's
    cos, sin = (values((5, 1, 32), F4, k, low=-1, high=1) for k in (1, 2))
    turned = np.empty((2, 3, 5, 70), dtype).transpose(0, 2, 1, 3)
    (y,) = simd_device.run("rope", [x, cos, sin], [turned], interleaved=interleaved)
    check(y, rope(x, cos, sin, interleaved), scale=4)
    x = values((4, 8, 64), dtype, 5)  # over its own input, and tables that are not dense
    cos, sin = (values((32, 8), dtype, k, low=-1, high=1).T for k in (1, 2))
    want = rope(x, cos, sin, interleaved)
    simd_device.run("rope", [x, cos, sin], [x], interleaved=interleaved)
    check(x, want, scale=4)


def test_rope_refuses(blas):
    x, cos = values((3, 8), F4, 1), values((3, 4), F4, 2)
    for inputs, status, text in [
        ([x, cos, values((3, 3), F4, 1)], INVALID, "half the last size"),
        ([x, values((3, 5), F4, 1), values((3, 5), F4, 1)], INVALID, "half the last size"),
        ([x, values((2, 4), F4, 1), cos], INVALID, "input 1 does not broadcast"),
        ([x.astype(F8), cos, cos], UNSUPPORTED, "float32, bfloat16 and float16"),
    ]:
        with pytest.raises(Failure, match=text) as info:
            blas.run("rope", inputs, [(x.shape, inputs[0].dtype)])
        assert info.value.status == status
    with pytest.raises(Failure, match="rows of its result are dense"):
        blas.run("rope", [x, cos, cos], [np.empty((8, 3), F4).T])
