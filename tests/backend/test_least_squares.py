"""linalg.lstsq: every driver gives the least of the best answers."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.testing import assert_close, gradcheck


def numbers(device, *shape, seed=0, dtype="float64"):
    made = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return vidya.tensor(made, device=device)


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
def test_what_is_given_back(device, driver):
    dtype = vidya.float32
    a, b = (numbers(device, *s, seed=1).to(dtype) for s in ((2, 7, 3), (7, 4)))
    got = vidya.linalg.lstsq(a, b, driver=driver)
    wanted = [np.linalg.lstsq(m, b.numpy(), rcond=None) for m in a.numpy()]
    assert_close(got.solution, np.stack([w[0] for w in wanted]), 1e-4, 1e-4)
    assert_close(got.residuals, np.stack([w[1] for w in wanted]), 1e-4, 1e-4)
    assert got.rank.tolist() == [3, 3]
    if driver in ("gelsd", "gelss"):
        assert_close(got.singular_values, np.stack([w[3] for w in wanted]), 1e-4, 1e-4)
    else:
        assert got.singular_values.shape == (0,)


def test_what_counts_as_zero(device):
    a = vidya.tensor([[3.0, 0, 0], [0, 2, 0], [0, 0, 1e-3], [0, 0, 0]], device=device)
    b = vidya.ones(4, device=device)
    full, part = vidya.linalg.lstsq(a, b), vidya.linalg.lstsq(a, b, rcond=0.01)
    assert (int(full.rank), int(part.rank)) == (3, 2)
    assert full.residuals.shape == (1,) and part.residuals.shape == (0,)
    assert_close(full.solution, np.array([1 / 3, 0.5, 1000], "f"), 1e-4, 1e-4)
    assert_close(part.solution, np.array([1 / 3, 0.5, 0], "f"), 1e-4, 1e-4)


def test_gradient_of_wide_tall_and_deficient_systems(device):
    if device == "tile":
        pytest.skip("it has no float64")

    def solution(a, b):
        return vidya.linalg.lstsq(a, b).solution

    for m, n in ((5, 3), (3, 5), (4, 4)):
        a, b = numbers(device, m, n), numbers(device, m, 2, seed=1)
        assert gradcheck(solution, (a.requires_grad_(), b.requires_grad_()))
    thin = numbers(device, 5, 2)
    assert gradcheck(  # rank 2 whatever thin is
        lambda t: solution(t @ t.mT, vidya.ones(5, 1, dtype=t.dtype, device=t.device)),
        (thin.requires_grad_(),),
    )


def test_refused(device):
    a = vidya.ones(3, 2, device=device)
    with pytest.raises(ValueError, match="lstsq: driver is"):
        vidya.linalg.lstsq(a, a, driver="gelsx")
    with pytest.raises(ValueError, match=r"lstsq: A \(3, 2\) does not fit B \(2, 2\)"):
        vidya.linalg.lstsq(a, a[:2])
