"""The profile of a compiled function: every kernel has a time, and the work is counted right."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.compile.profile import flops, moved


@pytest.fixture
def product(device):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides replays no plans")
    total = vidya.zeros(1, device=device)

    @vidya.compile
    def f(x, y):
        total.add_(1)
        return (x @ y).exp()

    f.total = total
    return f


def test_kernels_have_times_and_counted_work(device, product):
    x, y = vidya.ones(32, 8, device=device), vidya.ones(8, 4, device=device)
    profile = product.profile(x, y, runs=2)
    assert len(profile.seconds) == len(profile.nodes)
    assert all(seconds > 0 for seconds in profile.seconds)
    [matmul] = [node for node in profile.nodes if node.op == "matmul"]
    assert flops(matmul) == 2 * 32 * 8 * 4
    assert moved(matmul) == 4 * (32 * 8 + 8 * 4 + 32 * 4)
    assert "matmul(float32[32,8], float32[8,4])" in str(profile)


def test_the_calls_of_a_profile_are_true_calls(device, product):
    x, y = vidya.ones(2, 3, device=device), vidya.ones(3, 2, device=device)
    product.profile(x, y, runs=4)
    assert product.total.item() == 5  # the first call, which may compile, is not timed
    np.testing.assert_allclose(product(x, y).numpy(), np.exp(np.full((2, 2), 3.0)), rtol=1e-5)
    assert product.total.item() == 6
