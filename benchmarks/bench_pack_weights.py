"""Few to many rows through sixteen weights that come from memory, packed once or at every call."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
import vidya.nn.functional as F
from vidya import nn

WIDTHS = (1024, 3072)  # 16 weights of 3 million numbers: more than caches hold
PAIRS = 8


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
@pytest.mark.parametrize("rows", [1, 4, 16, 64, 512])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def bench_frozen_weights(dtype, rows, packed, device, tensor, measure, best, benchmark):
    kind = getattr(vidya, dtype)
    narrow, wide = WIDTHS
    up = [nn.Parameter(tensor(wide, narrow)[0].to(kind)) for _ in range(PAIRS)]
    down = [nn.Parameter(tensor(narrow, wide)[0].to(kind)) for _ in range(PAIRS)]

    def through(x):
        for first, second in zip(up, down, strict=True):
            x = F.linear(F.linear(x, first), second) * (narrow * wide) ** -0.5
        return x

    plan = vidya.compile(through, pack_weights=packed)
    x = tensor(rows, narrow)[0].to(kind)
    with vidya.no_grad():
        result = measure(plan, x).float().numpy()
        want = through(x).float().numpy()
    np.testing.assert_allclose(result, want, atol=0.02 * np.abs(want).max())
    gflops = 4 * rows * narrow * wide * PAIRS / best() / 1e9
    benchmark.extra_info.update(gflops=round(gflops, 1))
