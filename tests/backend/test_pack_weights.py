"""Packed copies of weights: the same results, new ones when a weight changes."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.nn import functional as F


def data(device, *shape, seed=0, dtype=vidya.float32):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, device=device, dtype=dtype)


def array(t):
    return t.detach().float().numpy().astype(np.float64)


class Model(nn.Module):
    def __init__(self, device, dtype, k=97):
        super().__init__()
        place = {"device": device, "dtype": dtype}
        self.up = nn.Linear(k, 150, **place)
        self.down = nn.Linear(150, k, bias=False, **place)
        self.last = nn.Parameter(data(device, k, 70, seed=3, dtype=dtype))

    def forward(self, x):
        return (x + self.down(F.relu(self.up(x)))) @ self.last

    def wanted(self, x):
        up, down = (array(m.weight) for m in (self.up, self.down))
        x = array(x)
        return (x + np.maximum(x @ up.T + array(self.up.bias), 0) @ down.T) @ array(self.last)


def close(got, want, dtype):
    bound = (2e-2 if dtype is vidya.bfloat16 else 1e-5) * np.abs(want).max()
    np.testing.assert_allclose(array(got), want, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", [vidya.float32, vidya.bfloat16], ids=str)
def test_the_same_results_for_any_number_of_rows(device, dtype):
    model = Model(device, dtype)
    f = vidya.compile(model, pack_weights=True)
    for rows in (1, 2, 9, 13, 40, 130):
        x = data(device, rows, 97, dtype=dtype)
        with vidya.no_grad():
            for _ in range(2):
                close(f(x), model.wanted(x), dtype)
    with vidya.no_grad():
        close(f(data(device, 2, 5, 97, seed=1, dtype=dtype)),
              model.wanted(data(device, 2, 5, 97, seed=1, dtype=dtype)), dtype)  # fmt: skip


@pytest.mark.parametrize("dtype", [vidya.float32, vidya.bfloat16], ids=str)
def test_weights_that_change(device, dtype):
    """Plans that still hold what was packed before give nobody what is out of date."""
    model = Model(device, dtype)
    f, g = (vidya.compile(model, pack_weights=True) for _ in range(2))
    few, many = data(device, 20, 97, dtype=dtype), data(device, 64, 97, seed=1, dtype=dtype)
    with vidya.no_grad():
        close(f(few), model.wanted(few), dtype)
        close(g(few), model.wanted(few), dtype)
        model.up.weight.mul_(-1)
        model.down.weight.copy_(data(device, 97, 150, seed=5, dtype=dtype))
        close(f(many), model.wanted(many), dtype)  # a new plan beside an old one
        close(g(many), model.wanted(many), dtype)
        for _ in range(2):
            close(g(few), model.wanted(few), dtype)
            close(f(few), model.wanted(few), dtype)


def test_a_step_of_training_sees_its_own_weights(device):
    model = Model(device, vidya.float32)
    optimizer = vidya.optim.SGD(model.parameters(), lr=1e-3)

    @vidya.compile(pack_weights=True)
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    x = data(device, 20, 97)
    for _ in range(3):
        want = np.square(model.wanted(x)).mean()
        np.testing.assert_allclose(step(x).item(), want, rtol=1e-4)
