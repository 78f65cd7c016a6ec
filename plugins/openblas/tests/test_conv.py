"""Convolution's adjoint in the weight, with few and with many channels, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

# samples, groups, channels in and out of a group, lines, columns, kernel, stride, dilation
SHAPES = [
    (2, 1, 3, 5, 9, 20, (3, 3), (1, 1), (1, 1)),
    (2, 1, 3, 16, 9, 20, (3, 3), (1, 1), (1, 1)),
    (1, 2, 5, 33, 13, 11, (3, 2), (2, 1), (1, 2)),
    (3, 1, 4, 70, 40, 50, (1, 5), (1, 3), (1, 1)),
    (9, 1, 20, 64, 30, 33, (3, 3), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weight(simd_device, shape, dtype):
    n, groups, inner, outer, h, w, kernel, stride, dilation = shape
    rng = np.random.default_rng(0)
    padding = (1, 0)
    x = rng.standard_normal((n, groups * inner, h, w))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [(s + 2 * p - span) // t + 1
             for s, p, span, t in zip((h, w), padding, spans, stride, strict=True)]  # fmt: skip
    g = rng.standard_normal((n, groups * outer, *sizes))
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    want = np.zeros((groups * outer, inner, *kernel))
    for i, j in np.ndindex(*kernel):
        top, left = i * dilation[0], j * dilation[1]
        seen = padded[:, :, top :: stride[0], left :: stride[1]][:, :, : sizes[0], : sizes[1]]
        for k in range(groups):
            of, fr = slice(k * outer, (k + 1) * outer), slice(k * inner, (k + 1) * inner)
            want[of, :, i, j] = np.einsum("nohw,nihw->oi", g[:, of], seen[:, fr])
    (y,) = simd_device.run(
        "convolution_weight", [g.astype(dtype), x.astype(dtype)], [(want.shape, dtype)],
        stride=stride, padding=padding, dilation=dilation, groups=groups, kernel=kernel,
    )  # fmt: skip
    atol = 30 * np.finfo(dtype).eps * np.sqrt(n * sizes[0] * sizes[1])
    np.testing.assert_allclose(y, want, rtol=0, atol=atol)
