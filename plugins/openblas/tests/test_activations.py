"""clamp, lerp and activations of one pass: as kernels and as instructions of a program."""

from __future__ import annotations

import numpy as np
import pytest
from abi import UNSUPPORTED, Failure, Scalar
from layouts import BF16, EPS, FLOATS, LAYOUTS, values

F2, F4, F8, I8 = np.dtype("f2"), np.dtype("f4"), np.dtype("f8"), np.dtype("i8")


def clamp(x, low, high):
    return np.minimum(np.maximum(x, low), high)


def lerp(a, b, w):
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name -> (tensors, its meaning in float64)
KERNELS = {
    "frac": (1, lambda x: x - np.trunc(x)),
    "clamp": (3, clamp),
    "lerp": (3, lerp),
    "hardswish": (1, lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "hardswish_backward": (
        2,
        lambda g, x: g * np.where(x <= -3, 0, np.where(x < 3, x / 3 + 0.5, 1)),
    ),
    "softplus": (1, lambda x: np.logaddexp(0, x)),
    "softplus_backward": (2, lambda g, x: g * sigmoid(x)),
}
SLOPED = {
    "leaky_relu": (1, lambda x, s: np.where(x > 0, x, x * s)),
    "leaky_relu_backward": (2, lambda g, x, s: np.where(x > 0, g, g * s)),
}


def close(got, want):
    g, w = got.astype(F8), want.astype(F8)
    assert (np.abs(g - w) <= 4 * EPS[got.dtype] * np.maximum(np.abs(w), 1)).all()


@pytest.mark.parametrize("shape", [(5, 7, 30), (3, 2000)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", KERNELS)
def test_each(simd_device, name, dtype, shape):
    count, meaning = KERNELS[name]
    for layout in LAYOUTS:
        x = [layout(shape, dtype, k, low=-5, high=5) for k in range(count)]
        wide = [a.astype(F8) for a in x]
        (y,) = simd_device.run(name, x, [(shape, dtype)])
        close(y, meaning(*wide))
        text = f"{name} {' '.join(map(str, range(count)))}"
        (z,) = simd_device.run("ewise", x, [(shape, dtype)], program=text, results=[count])
        np.testing.assert_array_equal(z, y)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", SLOPED)
def test_with_a_slope(simd_device, name, dtype):
    count, meaning = SLOPED[name]
    for layout in LAYOUTS:
        x = [layout((4, 700), dtype, k) for k in range(count)]
        (y,) = simd_device.run(name, x, [((4, 700), dtype)], negative_slope=0.3)
        close(y, meaning(*(a.astype(F8) for a in x), 0.3))
        scalar = Scalar(0.3, F8 if dtype == F8 else F4)
        text = f"{name} {' '.join(map(str, range(count + 1)))}"
        (z,) = simd_device.run(
            "ewise", [*x, scalar], [((4, 700), dtype)], program=text, results=[count + 1]
        )
        np.testing.assert_array_equal(z, y)


@pytest.mark.parametrize("dtype", [F4, F8, BF16], ids=str)
def test_bounds_and_weights_may_be_numbers_of_any_dtype_or_absent(simd_device, dtype):
    x, y = values((3, 1500), dtype, 1, low=-5, high=5), values((3, 1500), dtype, 2)
    wide = x.astype(F8)
    for low, high in ((Scalar(-1, I8), Scalar(2, I8)), (None, Scalar(0.5, F4)),
                      (Scalar(0.5, F8), None), (Scalar(-1, F2), y)):  # fmt: skip
        (got,) = simd_device.run("clamp", [x, low, high], [(x.shape, dtype)])
        ends = [
            otherwise if e is None else np.asarray(getattr(e, "array", e)).astype(F8)
            for e, otherwise in ((low, -np.inf), (high, np.inf))
        ]
        close(got, clamp(wide, *ends))
    for w in (0, 1, 0.25, 0.75, -2):
        (got,) = simd_device.run("lerp", [x, y, Scalar(w, F4)], [(x.shape, dtype)])
        close(got, lerp(wide, y.astype(F8), w))


def test_edges(simd_device):
    nan, inf = np.nan, np.inf
    x = np.float32([nan, inf, -inf, 0, -0.0, 3, -3, 20, 20.5, 1e4, -1e4, -100])

    def run(name, *arguments):
        return simd_device.run(name, list(arguments), [(x.shape, F4)])[0]

    for low, high in ((-1, 1), (nan, 1), (-1, nan), (2, -2)):
        with np.errstate(invalid="ignore"):
            want = clamp(x, np.float32(low), np.float32(high))
        np.testing.assert_array_equal(run("clamp", x, Scalar(low, F4), Scalar(high, F4)), want)
    with np.errstate(all="ignore"):
        want = np.where(x > 20, x, np.log1p(np.exp(x.astype(F8))))
        np.testing.assert_allclose(run("softplus", x), want, rtol=1e-6, atol=1e-44)
        want = np.where(x > 20, 1, sigmoid(x.astype(F8)))
        ones = np.ones_like(x)
        np.testing.assert_allclose(run("softplus_backward", ones, x), want, rtol=1e-6, atol=1e-38)
    np.testing.assert_array_equal(run("leaky_relu", x)[:2], x[:2])
    np.testing.assert_array_equal(
        run("hardswish_backward", ones, x)[3:], [0.5, 0.5, 1, 0, 1, 1, 1, 0, 0]
    )


def test_what_is_left_to_the_decomposition(blas):
    x, w = values((4, 5), F4, 1), values((5,), F4, 2)
    for inputs, attrs in (
        (("clamp", [x, w, None]), {}),
        (("lerp", [x, x, w]), {}),
        (("lerp", [x, x.astype(F8), x]), {}),
        (("softplus", [x]), {"beta": 2.0}),
        (("softplus_backward", [x, x]), {"threshold": 5.0}),
    ):
        with pytest.raises(Failure) as info:
            blas.run(*inputs, [((4, 5), F4)], **attrs)
        assert info.value.status == UNSUPPORTED
