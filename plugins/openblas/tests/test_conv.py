"""Convolution, and its adjoint in the weight with few and with many channels, against NumPy."""

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


# as above, and the padding: lines that are joined, bands of them, and those that stay single
LINES = [
    (3, 1, 7, 16, 8, 8, (3, 3), (1, 1), (1, 1), (1, 1)),
    (1, 1, 64, 24, 90, 50, (3, 3), (1, 1), (1, 1), (0, 2)),
    (2, 2, 5, 17, 13, 11, (3, 2), (1, 2), (1, 3), (2, 1)),
    (1, 1, 6, 40, 21, 33, (5, 4), (2, 2), (1, 1), (2, 3)),
    (1, 1, 3, 16, 15, 30, (2, 3), (3, 4), (2, 1), (1, 0)),
    (2, 1, 4, 16, 4, 6, (3, 3), (1, 1), (3, 4), (4, 6)),
    (1, 1, 4, 16, 9, 48, (3, 3), (1, 1), (1, 1), (1, 1)),
    (1, 1, 4, 20, 1, 30, (1, 5), (1, 1), (1, 1), (0, 2)),
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", LINES, ids=str)
def test_lines(simd_device, shape, dtype):
    n, groups, inner, outer, h, w, kernel, stride, dilation, padding = shape
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, groups * inner, h, w))
    weight = rng.standard_normal((groups * outer, inner, *kernel))
    bias = rng.standard_normal(groups * outer)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [(s + 2 * p - span) // t + 1
             for s, p, span, t in zip((h, w), padding, spans, stride, strict=True)]  # fmt: skip
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    want = np.zeros((n, groups * outer, *sizes)) + bias[:, None, None]
    for i, j in np.ndindex(*kernel):
        top, left = i * dilation[0], j * dilation[1]
        seen = padded[:, :, top :: stride[0], left :: stride[1]][:, :, : sizes[0], : sizes[1]]
        for k in range(groups):
            of, fr = slice(k * outer, (k + 1) * outer), slice(k * inner, (k + 1) * inner)
            want[:, of] += np.einsum("nihw,oi->nohw", seen[:, fr], weight[of, :, i, j])
    given = [a.astype(dtype) for a in (x, weight, bias)]
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    (y,) = simd_device.run("convolution", given, [(want.shape, dtype)], **attrs)
    atol = 8 * np.finfo(dtype).eps * max(10, np.abs(want).max() * 4)
    np.testing.assert_allclose(y, want, rtol=0, atol=atol)
