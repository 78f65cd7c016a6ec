"""Mixed precision: products in bfloat16, parameters and their gradients in float32."""

import numpy as np
import pytest
import vidya
from vidya import nn


def data(device, *shape, seed=0):
    return vidya.tensor(np.random.default_rng(seed).normal(size=shape).astype("f4"), device=device)


def test_products_are_cast_and_gradients_are_not(device):
    x, w = data(device, 5, 7), nn.Parameter(data(device, 3, 7, seed=1))
    with vidya.autocast(vidya.bfloat16):
        y = nn.functional.linear(x, w)
        z = x * 2
    assert y.dtype is vidya.bfloat16 and z.dtype is vidya.float32
    y.float().square().sum().backward()
    assert w.grad.dtype is vidya.float32
    exact = 2 * (x.numpy() @ w.detach().numpy().T).T @ x.numpy()
    np.testing.assert_allclose(w.grad.numpy(), exact, rtol=0.05, atol=0.3)


def test_it_nests_and_ends(device):
    x = data(device, 4, 4)
    with vidya.autocast():
        with vidya.autocast(enabled=False):
            assert (x @ x).dtype is vidya.float32
        assert (x @ x).dtype is vidya.bfloat16
        assert vidya.is_autocast_enabled() and vidya.get_autocast_dtype() is vidya.bfloat16
    assert (x @ x).dtype is vidya.float32 and vidya.get_autocast_dtype() is None


def test_it_is_part_of_a_compiled_function(device):
    x = data(device, 4, 6)

    @vidya.compile
    @vidya.autocast(vidya.bfloat16)
    def f(x):
        return x @ x.mT

    assert f(x).dtype is vidya.bfloat16
    np.testing.assert_allclose(f(x).float().numpy(), x.numpy() @ x.numpy().T, rtol=0.02, atol=0.1)


def test_float64_is_left_alone(float64_device):
    x = vidya.ones(2, 2, dtype=vidya.float64, device=float64_device)
    with vidya.autocast():
        assert (x @ x).dtype is vidya.float64


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="bfloat16 or float16, not int32"):
        vidya.autocast(vidya.int32)
