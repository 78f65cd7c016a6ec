"""Cheap values are made again instead of kept, where that lowers the peak and somebody asks."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.nn import functional as F
from vidya.optim import SGD


@pytest.fixture(autouse=True)
def small_values_count(device, monkeypatch):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no arena")
    monkeypatch.setattr(sys.modules["vidya.compile.remat"], "_LEAST", 1 << 10)


def training(device, **options):
    """(losses, weights, the plan) of some steps of a deep stack of layers."""
    vidya.manual_seed(0)
    layers = [
        (nn.Parameter(vidya.randn(32, 16, device=device) * 0.2),
         nn.Parameter(vidya.randn(16, 32, device=device) * 0.2))
        for _ in range(6)
    ]  # fmt: skip
    weights = [w for pair in layers for w in pair]
    optimizer = SGD(weights, lr=0.05)

    def step(x):
        optimizer.zero_grad()
        for up, down in layers:
            x = x + F.linear(F.linear(x, up).square(), down)
        loss = x.square().mean()
        loss.backward()
        optimizer.step()
        return loss

    compiled = vidya.compile(step, **options)
    x = vidya.randn(64, 16, device=device)
    losses = [compiled(x).item() for _ in range(5)]
    (entry,) = compiled.entries.values()
    return losses, [w.detach().numpy() for w in weights], entry


def test_the_peak_is_lower_and_the_numbers_are_the_same(device):
    losses, weights, plain = training(device)
    again, other, less = training(device, less_memory=True)
    assert plain.saved["rematerialise"] == 0 and less.saved["rematerialise"] >= 3
    assert less.plan.bytes < 0.95 * plain.plan.bytes
    assert len(less.capture.nodes) > len(plain.capture.nodes)
    np.testing.assert_allclose(again, losses, rtol=1e-6)
    for a, b in zip(other, weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_it_is_done_unasked_where_memory_is_scarce(device, monkeypatch):
    monkeypatch.setattr(sys.modules["vidya.compile.remat"], "_SCARCE", 0.0)
    _, _, entry = training(device)
    known = vidya.device(device).info["memory_bytes"] > 0  # else nobody knows what is scarce
    assert entry.saved["rematerialise"] >= 3 * known
    _, _, entry = training(device, less_memory=False)
    assert entry.saved["rematerialise"] == 0


def test_what_was_written_in_between_is_not_read_again(device):
    state = vidya.ones(64, 16, device=device)

    def f(x):
        early = state.exp()  # wanted again at the end, when state is another
        y = early @ x
        state.mul_(0.5)
        big = (y.mT @ y).tanh()
        wide = vidya.cat([big] * 8).sum(0)
        return early.sum(0) + wide

    x = vidya.ones(16, 16, device=device) * 0.01
    start = state.numpy().copy()
    expected = f(x).numpy()
    with vidya.no_grad():
        state.copy_(vidya.tensor(start, device=device))
    np.testing.assert_allclose(vidya.compile(f, less_memory=True)(x).numpy(), expected, rtol=1e-5)


def test_it_is_left_as_it_was_where_it_saves_little(device):
    f = vidya.compile(lambda x: (x.exp() @ x.mT).sum(), less_memory=True)
    x = vidya.randn(64, 16, device=device)
    f(x)
    (entry,) = f.entries.values()
    assert entry.saved["rematerialise"] == 0
    ops = [node.op for node in entry.capture.nodes]
    assert ops.count("exp") == 1
