"""cdist's gradient: from differences, so that it is right for rows that are close, or equal."""

from __future__ import annotations

import numpy as np
import pytest
import vidya

rng = np.random.default_rng(0)


def expected(g, a, b):
    """The gradients in float64."""
    away = a[..., :, None, :].astype("f8") - b[..., None, :, :]
    far = np.sqrt((away**2).sum(-1))
    pull = np.where(far > 0, g / np.where(far > 0, far, 1), 0)[..., None] * away
    return pull.sum(-2), -pull.sum(-3)


def gradients(device, dtype, g, a, b):
    g, a, b = (vidya.tensor(x, dtype=dtype, device=device) for x in (g, a, b))
    a.requires_grad_(), b.requires_grad_()
    return vidya.autograd.grad((vidya.cdist(a, b) * g).sum(), [a, b])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(5, 7, 3), (9, 4, 16), (3, 6, 37), (2, 3, 8, 5, 19), (1, 1, 1), (4, 0, 3), (6, 6, 64)]
)
def test_sizes(shape, dtype, device):
    *lead, p, r, m = shape
    a, b = rng.normal(size=(*lead, p, m)), rng.normal(size=(*lead, r, m))
    g = rng.normal(size=(*lead, p, r))
    if dtype == "float64" and device not in ("numpy", "openblas"):
        pytest.skip("only devices that have float64")
    for mine, want in zip(gradients(device, dtype, g, a, b), expected(g, a, b), strict=True):
        limit = 3e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(mine.numpy(), want, rtol=limit, atol=limit)


def test_rows_that_are_close_to_each_other_and_far_from_zero(device):
    """A product less a multiple of the row would have no digit right here."""
    base = rng.normal(size=(6, 8)) * 1000
    a = base.astype("f4")
    b = (base + rng.normal(size=(6, 8)) * 0.01).astype("f4")
    b[2] = a[2]  # the distance 0 has the gradient 0
    g = np.eye(6)
    for mine, want in zip(gradients(device, "float32", g, a, b), expected(g, a, b), strict=True):
        np.testing.assert_allclose(mine.numpy(), want, rtol=1e-4, atol=1e-5)
        assert not mine.numpy()[2].any()


def test_one_side_only(device):
    a = vidya.tensor(rng.normal(size=(3, 4)).astype("f4"), device=device)
    b = vidya.tensor(rng.normal(size=(5, 4)).astype("f4"), device=device).requires_grad_()
    vidya.cdist(a, b).sum().backward()
    want = expected(np.ones((3, 5)), a.numpy(), b.detach().numpy())[1]
    np.testing.assert_allclose(b.grad.numpy(), want, rtol=1e-4, atol=1e-5)


def test_gradients_of_gradients(device):
    if device not in ("numpy", "openblas"):
        pytest.skip("only devices that have float64")
    a, b = (vidya.tensor(rng.normal(size=(n, 3)), device=device).requires_grad_() for n in (4, 5))
    assert vidya.testing.gradgradcheck(vidya.cdist, (a, b))
