"""Arguments and captured tensors that share memory, one of which the function writes."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.errors import TraceError


def data(device, *shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, dtype=vidya.float32, device=device)


def add_late(p, q):
    doubled = q * 2
    p.add_(1)
    return doubled + p


def copied_over(p, q):
    p.copy_(q.flip(0))
    return p + q


def read_on_both_sides(p, q):
    before = q.exp()
    p.mul_(2)
    return (before * q).sum() + p


FUNCTIONS = [add_late, copied_over, read_on_both_sides]
PAIRS = {
    "one": lambda t: (t, t),
    "overlapping": lambda t: (t[:2], t[1:]),
    "transposed": lambda t: (t, t.mT),
    "apart": lambda t: (t[:1], t[1:2]),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("pair", PAIRS)
def test_arguments_that_share_memory(device, function, pair):
    if pair != "one" and not vidya.device(device).core.strided:
        pytest.skip("views share memory only on a device with strides")
    f = vidya.compile(function)
    f(data(device, 3, 3), data(device, 3, 3, seed=1))  # with memory of their own at first
    for _ in range(2):
        there, here = data(device, 3, 3), data(device, 3, 3)
        wanted, got = function(*PAIRS[pair](there)), f(*PAIRS[pair](here))
        np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-6)
        np.testing.assert_allclose(here.numpy(), there.numpy(), rtol=1e-6)
    a, b = data(device, 3, 3), data(device, 3, 3, seed=1)
    np.testing.assert_allclose(f(a.clone(), b).numpy(), function(a.clone(), b).numpy(), rtol=1e-6)
    assert len(f.entries) <= 3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_argument_that_is_used_from_outside_too(device, function):
    kept, twin = data(device, 3, 3), data(device, 3, 3)
    f = vidya.compile(lambda p: function(p, kept))
    other = data(device, 3, 3, seed=1)
    same = function(other.clone(), twin)
    np.testing.assert_allclose(f(other.clone()).numpy(), same.numpy(), rtol=1e-6)
    if not vidya.device(device).core.strided:
        with pytest.raises(TraceError, match="also used from outside"):
            f(kept)
        return
    for _ in range(2):
        np.testing.assert_allclose(f(kept).numpy(), function(twin, twin).numpy(), rtol=1e-6)
        np.testing.assert_allclose(kept.numpy(), twin.numpy(), rtol=1e-6)


def test_arguments_that_are_only_read_may_share_memory(device):
    f = vidya.compile(lambda p, q: p * 2 + q)
    x = data(device, 3)
    np.testing.assert_allclose(f(x, x).numpy(), x.numpy() * 3, rtol=1e-6)
    np.testing.assert_allclose(f(x, x + 1).numpy(), x.numpy() * 3 + 1, rtol=1e-6)
