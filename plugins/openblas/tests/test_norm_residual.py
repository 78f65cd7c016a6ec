"""Norms with the residual's sum, its gradient and the rounding: as the kernels they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from abi import UNSUPPORTED, Failure
from layouts import BF16, EPS, contiguous, sliced, transposed, values, wide

F4, F2 = np.dtype("f4"), np.dtype("f2")
SHAPES = [(5, 1), (3, 4, 70), (40, 33), (700, 96), (0, 8)]
NARROW = [(F4, None), (F4, BF16), (F4, F2), (BF16, None), (F2, None), (BF16, F4)]


def parts(name, shape, dtype, weighted):
    """(weights forward, outputs of the backward)"""
    row = shape[-1:]
    count = (2 if name == "layer_norm" else 1) if weighted else 0
    given = 2 if name == "layer_norm" else 1
    weights = [values(row, dtype, 3 + i) if weighted else None for i in range(given)]
    return weights, [(shape, dtype)] + [(row, dtype)] * count


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
@pytest.mark.parametrize("dtype, narrow", NARROW, ids=str)
@pytest.mark.parametrize("weighted", [True, False])
def test_forward(simd_device, name, dtype, narrow, weighted):
    run = simd_device.run
    for shape in SHAPES:
        weights, _ = parts(name, shape, dtype, weighted)
        for layout in (contiguous, transposed, sliced):
            x, r = layout(shape, dtype, 1), values(shape, dtype, 2)
            to = narrow or dtype
            outs = [(shape, dtype), (shape, to)]
            total, y = run(f"residual_{name}", [x, r, *weights], outs, eps=1e-5)
            (sums,) = run("add", [np.ascontiguousarray(x), r], [(shape, dtype)])
            np.testing.assert_array_equal(total, sums)
            (want,) = run(name, [sums, *weights], [(shape, dtype)], eps=1e-5)
            (rounded,) = run("cast", [want], [(shape, to)])
            if to.itemsize <= dtype.itemsize:
                np.testing.assert_array_equal(y, rounded)
            else:
                np.testing.assert_allclose(y, wide(want), atol=4 * EPS[dtype])
            (alone,) = run(f"residual_{name}", [sums, None, *weights], [(shape, to)], eps=1e-5)
            np.testing.assert_array_equal(alone, y)
            over = np.ascontiguousarray(x)  # the sum over its own operand
            run(f"residual_{name}", [over, r, *weights], [over, (shape, to)], eps=1e-5)
            np.testing.assert_array_equal(over, sums)


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
@pytest.mark.parametrize("dtype, narrow", NARROW, ids=str)
@pytest.mark.parametrize("weighted", [True, False])
def test_backward(simd_device, name, dtype, narrow, weighted):
    run, op = simd_device.run, f"{name}_backward"
    for shape in SHAPES:
        (w, *_), outs = parts(name, shape, dtype, weighted)
        for layout in (contiguous, transposed, sliced):
            g, x = layout(shape, dtype, 1), layout(shape, dtype, 2)
            r = values(shape, dtype, 5)
            dx, *dw = run(op, [g, x, w], outs, eps=1e-5)
            want = wide(r) + wide(dx)
            more = [(shape, narrow)] if narrow else []
            got = run(f"residual_{op}", [g, x, w, r], outs + more, eps=1e-5)
            np.testing.assert_allclose(wide(got[0]), want, atol=8 * EPS[dtype], rtol=EPS[dtype])
            for a, b in zip(got[1 : 1 + len(dw)], dw, strict=True):
                np.testing.assert_array_equal(a, b)
            if narrow:
                np.testing.assert_allclose(
                    wide(got[-1]), want, atol=8 * EPS[dtype], rtol=max(EPS[dtype], EPS[narrow])
                )
            over = np.ascontiguousarray(g)
            run(f"residual_{op}", [over, x, w, r], [over, *outs[1:], *more], eps=1e-5)
            np.testing.assert_array_equal(over, got[0])


def test_refusals(blas):
    x = values((3, 8), F4, 1)
    wrong = [[x, x[:2], None], [x, x.astype(F2), None], [x, x, values((7,), F4, 1)],
             [x.astype("f8"), x.astype("f8"), None]]  # fmt: skip
    for inputs in wrong:
        with pytest.raises(Failure, match="float32 and 16-bit") as info:
            blas.run("residual_rms_norm", inputs, [(x.shape, inputs[0].dtype)] * 2, eps=1e-5)
        assert info.value.status == UNSUPPORTED
    with pytest.raises(Failure, match="gives 2 outputs here"):
        blas.run("residual_rms_norm", [x, x, None], [(x.shape, F4)], eps=1e-5)
    with pytest.raises(Failure, match="gives 1 outputs here, or one more"):
        blas.run("residual_rms_norm_backward", [x, x, None, x], [(x.shape, F4)] * 3, eps=1e-5)
    with pytest.raises(Failure, match="float32 and 16-bit"):
        blas.run("residual_layer_norm_backward", [x, x, None, x[:1]], [(x.shape, F4)], eps=1e-5)
