"""float32 matmul, in percent of the peak that this machine reaches in the same minute."""

from __future__ import annotations

import machine
import numpy as np
import pytest

# name -> (a, b, how they are handed over)
SHAPES = {
    "1024": ((1024, 1024), (1024, 1024), "a @ b"),
    "linear 2048x384x1536": ((2048, 384), (1536, 384), "a @ b.T"),
    "linear 2048x1536x384": ((2048, 1536), (384, 1536), "a @ b.T"),
    "weight gradient 1536x2048x384": ((2048, 1536), (2048, 384), "a.T @ b"),
    "head 512x576x8192": ((512, 576), (8192, 576), "a @ b.T"),
    "scores 48x256x64x256": ((48, 256, 64), (48, 256, 64), "a @ b.T"),
    "small 32": ((32, 32), (32, 32), "a @ b"),
    "mat-vec 1x1024x3072": ((1, 1024), (1024, 3072), "a @ b"),
}
# Big enough that nothing but the multiply-adds should count.
AT_LEAST = dict.fromkeys(list(SHAPES)[:5], 85.0)

FORMS = {
    "a @ b": (lambda a, b: a @ b, lambda a, b: a @ b),
    "a @ b.T": (lambda a, b: a @ b.transpose(-1, -2), lambda a, b: a @ b.swapaxes(-1, -2)),
    "a.T @ b": (lambda a, b: a.transpose(-1, -2) @ b, lambda a, b: a.swapaxes(-1, -2) @ b),
}


@pytest.mark.parametrize("name", SHAPES)
def bench_matmul(name, device, tensor, measure, best, benchmark):
    a_shape, b_shape, form = SHAPES[name]
    ours, reference = FORMS[form]
    (a, a_array), (b, b_array) = tensor(*a_shape), tensor(*b_shape)
    before = machine.peak_gflops()
    result = measure(ours, a, b).numpy()
    peak = max(before, machine.peak_gflops())

    want = reference(a_array.astype(np.float64), b_array.astype(np.float64))
    depth = a_shape[-2] if form == "a.T @ b" else a_shape[-1]
    np.testing.assert_allclose(result, want, rtol=1e-4, atol=1e-5 * depth)

    gflops = 2 * result.size * depth / best() / 1e9
    percent = 100 * gflops / peak
    benchmark.extra_info.update(gflops=round(gflops, 1), percent_of_peak=round(percent, 1))
    print(f"\n{device} {name}: {gflops:.0f} GFLOP/s, {percent:.0f}% of {peak:.0f}")
    if device == "openblas" and name in AT_LEAST:
        assert percent >= AT_LEAST[name]
