"""Gradients of many slices of one tensor: as if every slice had been picked by an index."""

from __future__ import annotations

import numpy as np
import pytest
import vidya

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (4, 12, 6)).astype("f4")


def picked(x, *ranges):
    """x[...] for a range in each dim, by index_select: its gradient knows no slices."""
    for dim, r in enumerate(ranges):
        if r is not None:
            at = vidya.tensor(list(r), dtype=vidya.int64, device=x.device)
            x = x.index_select(dim, at)
    return x


def cubes(parts):
    """Something of every part that has a second derivative, and is another for each."""
    return sum((p * p * (p + k)).sum() for k, p in enumerate(parts))


PROGRAMS = {
    "unbind": (
        lambda x: cubes(x.unbind(1)),
        lambda x: cubes(picked(x, None, [i]) for i in range(12)),
    ),
    "some of unbind": (
        lambda x: cubes([x[:, 3], x[:, 7], x[:, 8]]),
        lambda x: cubes(picked(x, None, [i]) for i in (3, 7, 8)),
    ),
    "split": (
        lambda x: cubes(x.split([1, 4, 7], 1)),
        lambda x: cubes(picked(x, None, r) for r in (range(1), range(1, 5), range(5, 12))),
    ),
    "one part again and again": (
        lambda x: cubes(p for _ in range(5) for p in x.chunk(2, -1)),
        lambda x: cubes(
            picked(x, None, None, r) for _ in range(5) for r in (range(3), range(3, 6))
        ),
    ),
    "windows that overlap": (
        lambda x: cubes(x[:, i : i + 5] for i in range(0, 7, 2)),
        lambda x: cubes(picked(x, None, range(i, i + 5)) for i in range(0, 7, 2)),
    ),
    "many wide windows": (
        lambda x: cubes(x[:, i : i + 10] for i in (0, 1, 2, 0, 1, 2)),
        lambda x: cubes(picked(x, None, range(i, i + 10)) for i in (0, 1, 2, 0, 1, 2)),
    ),
    "narrow ones and all of it": (
        lambda x: cubes([x[0], x, x[2], x[0], x * 2]),
        lambda x: cubes([picked(x, [0]), x, picked(x, [2]), picked(x, [0]), x * 2]),
    ),
    "one wide, others narrow in the same place": (
        lambda x: cubes([x[:, 1:2], *(x[:, 1 : 2 + i] for i in range(3)), x[:, 1:2]]),
        lambda x: cubes(picked(x, None, r) for r in ([1], [1], [1, 2], [1, 2, 3], [1])),
    ),
    "cells": (
        lambda x: cubes(x[i, 2 * i : 2 * i + 3] for i in (0, 1, 3, 1)),
        lambda x: cubes(picked(x, [i], range(2 * i, 2 * i + 3)) for i in (0, 1, 3, 1)),
    ),
    "steps": (
        lambda x: cubes([x[:, ::2], x[:, 1::2], x[:, ::-1], x[::3, :, 1:]]),
        lambda x: cubes(
            [
                picked(x, None, range(0, 12, 2)),
                picked(x, None, range(1, 12, 2)),
                picked(x, None, range(11, -1, -1)),
                picked(x, [0, 3], None, range(1, 6)),
            ]
        ),
    ),
    "nothing": (
        lambda x: cubes([x[:, 3:3], x[:, 2], x[:0]]),
        lambda x: cubes([x[:0], picked(x, None, [2]), x[:0]]),
    ),
    "by hand through time": (
        lambda x: _recurrent(x[:, t] for t in range(12)),
        lambda x: _recurrent(picked(x, None, [t]).reshape(4, 6) for t in range(12)),
    ),
}


def _recurrent(inputs):
    h = 0.5
    for step in inputs:
        h = (step + h).tanh() * step
    return h.sum()


def gradients(program, x):
    """The first derivatives, and the second ones in some direction."""
    (first,) = vidya.autograd.grad(program(x), [x], create_graph=True)
    (second,) = vidya.autograd.grad((first * first).sum(), [x])
    return first.detach(), second


@pytest.mark.parametrize("name", PROGRAMS)
def test_slices_and_indices_have_the_same_gradients(name, device):
    cut, pure = PROGRAMS[name]
    for middle in (lambda x: x, lambda x: x * 1.5):  # a leaf is cut, or a result
        x = vidya.tensor(X, device=device).requires_grad_()
        mine = gradients(lambda x, f=middle: cut(f(x)), x)
        want = gradients(lambda x, f=middle: pure(f(x)), x)
        for a, b in zip(mine, want, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled(name, device):
    cut, pure = PROGRAMS[name]
    x = vidya.tensor(X, device=device).requires_grad_()
    mine = vidya.compile(lambda x: gradients(cut, x))(x)
    for a, b in zip(mine, gradients(pure, x), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5)


def test_gradients_add_up_in_grad(device):
    x = vidya.tensor(X, device=device).requires_grad_()
    for _ in range(2):
        cubes(x.unbind(0)).backward()
    want = 2 * (3 * X * X + 2 * X * np.arange(4).reshape(4, 1, 1))
    np.testing.assert_allclose(x.grad.numpy(), want, rtol=2e-5, atol=2e-5)


def test_a_hook_sees_all_of_the_gradient(device):
    seen = []
    x = vidya.tensor(X, device=device).requires_grad_()
    y = x * 1
    for tensor in (x, y):
        tensor.register_hook(lambda g: seen.append(g.numpy()))
    (y[:, 0].sum() + y[:, 1:3].sum() * 2).backward()
    want = np.zeros_like(X)
    want[:, 0], want[:, 1:3] = 1, 2
    for g in seen:
        np.testing.assert_array_equal(g, want)
    assert len(seen) == 2


def test_anomaly_is_looked_for(device):
    x = vidya.tensor(X, device=device).requires_grad_()
    with vidya.autograd.detect_anomaly():
        cubes(x.unbind(1)).backward()
    assert x.grad.shape == x.shape
    with (
        vidya.autograd.detect_anomaly(),
        pytest.raises(vidya.errors.AutogradError, match=r"sqrt|pow|div"),
    ):
        zero = (x * 0).unbind(1)
        ((zero[0] * zero[1]).sqrt() * zero[2]).sum().backward()


def test_what_is_held_is_bounded(device):
    """Gradients of slices wait for each other only up to so many times the tensor's size."""
    x = vidya.ones(1 << 16, device=device).requires_grad_()
    cut = x * 1
    total = sum((cut[i : i - 50] * (i + 1)).sum() for i in range(50))
    vidya.reset_peak_memory_stats(device)
    before = vidya.memory_stats(device)["live_bytes"]
    total.backward()
    assert vidya.memory_stats(device)["peak_bytes"] - before < 15 * 4 * x.numel()
    want = np.zeros(1 << 16)
    for i in range(50):
        want[i : i - 50] += i + 1
    np.testing.assert_allclose(x.grad.numpy(), want)
