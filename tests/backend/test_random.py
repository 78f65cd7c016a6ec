"""Same seed, same numbers: one Philox stream, bit by bit the same on every device."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.testing import assert_close


def draw(device, make, seed=42):
    vidya.manual_seed(seed)
    return make(device).cpu().numpy()


def test_uniform_numbers_are_the_reference_s_bit_for_bit(device):
    def make(where):
        return vidya.rand(7, 5, device=where)

    ours, reference = draw(device, make), draw("numpy", make)
    assert (ours == reference).all()
    assert ((ours >= 0) & (ours < 1)).all() and len(np.unique(ours)) == ours.size
    assert not (draw(device, make, seed=43) == ours).any()


def test_integers_are_the_reference_s(device):
    def make(where):
        return vidya.randint(0, 1000, (11, 3), device=where)

    ours = draw(device, make)
    assert (ours == draw("numpy", make)).all()
    assert ours.min() >= 0 and ours.max() < 1000


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 70_000])
def test_random_order_is_the_reference_s(device, n):
    def make(where):
        return vidya.randperm(n, device=where)

    ours = draw(device, make)
    assert (ours == draw("numpy", make)).all()
    assert (np.sort(ours) == np.arange(n)).all()
    if n >= 1000:
        assert not (draw(device, make, seed=43) == ours).all()
        assert abs(np.corrcoef(ours, np.arange(n))[0, 1]) < 0.1


def test_normal_numbers_agree_and_are_normal(device):
    def make(where):
        return vidya.randn(64, 64, device=where)

    ours = draw(device, make)
    assert_close(ours, draw("numpy", make), 1e-4, 1e-5)  # log and cos differ in the last digits
    assert abs(ours.mean()) < 0.05 and abs(ours.std() - 1) < 0.05


def test_the_stream_moves_on(device):
    vidya.manual_seed(0)
    first, second = (vidya.rand(4, device=device).cpu().numpy() for _ in range(2))
    assert not (first == second).any()


@pytest.mark.parametrize(
    ("dtype", "most"),
    [("float32", 2**24), ("bfloat16", 256), ("int8", 127), ("uint8", 255), ("bool", 1)],
)
def test_whole_numbers_in_place(device, dtype, most):
    kind = getattr(vidya, dtype)
    try:
        x = vidya.zeros(2000, dtype=kind, device=device)
    except vidya.errors.UnsupportedError as error:
        pytest.skip(str(error))
    full = x.random_().double().numpy()
    assert full.min() >= 0 and most * 0.9 <= full.max() <= most
    assert set(x.random_(2).double().tolist()) == {0, 1}
    if dtype != "bool":
        assert set(x.random_(3, 6).double().tolist()) == {3, 4, 5}


def test_complex_numbers(device):
    """Both parts are drawn; of normal ones each has half the variance."""
    if device not in ("numpy", "openblas"):
        pytest.skip("only devices that have complex numbers")

    def normal(where):
        return vidya.randn(100, 100, dtype=vidya.complex64, device=where)

    drawn = draw(device, normal)
    np.testing.assert_allclose(drawn, draw("numpy", normal), rtol=1e-5, atol=1e-6)
    assert abs(drawn.real.var() - 0.5) < 0.03 and abs(drawn.imag.var() - 0.5) < 0.03
    flat = draw(device, lambda where: vidya.rand(50, dtype=vidya.complex128, device=where))
    assert ((flat.real >= 0) & (flat.real < 1) & (flat.imag >= 0) & (flat.imag < 1)).all()
