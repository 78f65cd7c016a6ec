"""Chains of element-wise kernels, and the sums at their end, become one kernel."""

from __future__ import annotations

import numpy as np
import pytest
import vidya

from .kernels import counts


@pytest.fixture
def x(device):
    return vidya.tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("f4"), device=device)


def test_a_chain_becomes_one_kernel(device, x):
    n, saved = counts(lambda x: ((x * 2 + 1).tanh() - x).square(), x)
    if saved["fuse"] == 0:
        pytest.skip(f"{device} has no ewise kernel")
    assert n == 1 and saved["fuse"] == 4


@pytest.mark.parametrize("dtype", [vidya.float32, vidya.float64], ids=str)
def test_activations_with_numbers_join_the_chain(device, dtype):
    """Whether they are kernels of the device or decomposed; the numbers keep their digits."""
    F = vidya.nn.functional

    def f(x):
        y = F.leaky_relu(F.hardswish(x) + F.softplus(x), 0.1).clamp(0, 1)
        return vidya.lerp(y, x, 0.3) + x.clamp(max=0.7)

    try:
        x = vidya.tensor(np.linspace(-4, 4, 24).reshape(4, 6), device=device, dtype=dtype)
    except vidya.errors.UnsupportedError as error:
        pytest.skip(str(error))
    tolerance = 1e-6 if dtype is vidya.float32 else 1e-14
    n, saved = counts(f, x)
    np.testing.assert_allclose(
        vidya.compile(f)(x).numpy(), f(x).numpy(), rtol=tolerance, atol=tolerance
    )
    assert n <= 3 or not saved["fuse"]  # decomposed it reads more numbers than one kernel takes


def _fuses_sums(device):
    """Has the device a kernel for sums at the end of a chain?"""
    x = vidya.ones(4, 6, device=device)
    compiled = vidya.compile(lambda x: (x * 2 + 1).sum())
    compiled(x)
    (entry,) = compiled.entries.values()
    return any(node.op == "ewise_sums" for node in entry.capture.nodes)


@pytest.mark.parametrize(
    "f, kernels",
    [
        (lambda x: (x - 1).square().sum(), 1),
        (lambda x: (x * x).sum(), 1),  # one instruction and its sum
        (lambda x: (x.exp() * 2).sum(-1, keepdim=True), 1),
        (lambda x: [(x + 1).square().sum(1), (x + 1).sum(1)], 1),  # two sums of one chain
        (lambda x: ((x + 1).tanh(), (x + 1).tanh().sum()), 1),  # the chain itself is a result
        (lambda x: (x * 2 + 1).sum(0), 2),  # not the last dim
        (lambda x: ((x + 1).sum(1), (x + 1).sum()), 2),  # sums of different lengths
        (lambda x: (x > 0).sum(), 2),  # counts are integers
        (lambda x: (x.T * 2 + 1).mT.sum(1), 2),  # not in the order of memory
    ],
)
def test_a_sum_ends_a_chain(device, f, kernels):
    x = vidya.tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("f4"), device=device)
    n, _ = counts(f, x)
    got, want = vidya.compile(f)(x), f(x)
    pairs = zip(got, want, strict=True) if isinstance(want, (tuple, list)) else [(got, want)]
    for a, b in pairs:
        assert a.shape == b.shape and a.dtype is b.dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    if _fuses_sums(device) and kernels == 1:
        assert n == 1
    else:
        assert n >= kernels


def test_sums_in_float64(device):
    try:
        x = vidya.ones(3, 5, device=device, dtype=vidya.float64) / 3
    except vidya.errors.UnsupportedError as error:
        pytest.skip(str(error))
    got = vidya.compile(lambda x: (x * 3 - 0.5).sum(1))(x)
    assert got.dtype is vidya.float64
    np.testing.assert_allclose(got.numpy(), [2.5] * 3, rtol=1e-14)


def test_a_sum_of_nothing(device):
    got = vidya.compile(lambda x: (x * 3 - 0.5).sum())(vidya.zeros(0, 4, device=device))
    assert got.item() == 0


def test_a_group_of_casts_only(device, x):
    y = x + 1
    for got, want in zip(
        vidya.compile(lambda *t: [a.bfloat16() for a in t])(x, y), (x, y), strict=True
    ):
        np.testing.assert_array_equal(got.float().numpy(), want.bfloat16().float().numpy())


def test_rounding_to_a_narrow_dtype_is_not_lost(device, x):
    got = vidya.compile(lambda x: (x.bfloat16().float() - x).abs())(x)
    np.testing.assert_array_equal(got.numpy(), (x.bfloat16().float() - x).abs().numpy())
