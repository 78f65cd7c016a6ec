"""float32 to bfloat16: to nearest even, subnormal numbers and NaN included."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import BF16


def wanted(x):
    bits = x.view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(x), (bits >> 16) | 0x40, rounded).astype(np.uint16)


def special():
    """Ties, what overflows, subnormal numbers, infinities, NaN with and without a payload."""
    high = np.array([0, 1, 0x7F, 0x80, 0x3F80, 0x3F81, 0x7F7E, 0x7F7F, 0x7F80, 0x7FA0], np.uint32)
    low = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    bits = (high[:, None] << 16 | low).ravel()
    return np.concatenate([bits, bits | 0x80000000]).view(np.float32)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 31, 32, 33, 120, 5000])
@pytest.mark.parametrize("kind", ["normal", "special", "few subnormal"])
def test_rounding(simd_device, n, kind):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n).astype(np.float32) * np.float32(10) ** rng.integers(-30, 30, n)
    x = x.astype(np.float32)
    if kind == "special":
        x = np.resize(special(), n)
    elif kind == "few subnormal":
        x[:: max(1, n // 3)] = np.float32(1e-40)
    (y,) = simd_device.run("cast", [x], [((n,), BF16)])
    np.testing.assert_array_equal(y.view(np.uint16), wanted(x))
