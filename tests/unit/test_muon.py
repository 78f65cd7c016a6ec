"""Muon against its formula in NumPy, step by step, in float64."""

import numpy as np
import pytest
import vidya
from vidya.ops.muon import COEFFICIENTS
from vidya.optim import Muon


def orthogonalized(g):
    x = g / (np.linalg.norm(g) * 1.02 + 1e-6)
    for a, b, c in COEFFICIENTS:
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def reference(p, gradients, lr, momentum, beta2, weight_decay):
    rows, columns = p.shape
    axis = 1 if rows >= columns else 0
    buf, second = np.zeros_like(p), np.zeros_like(p.mean(axis, keepdims=True))
    for g in gradients:
        buf = buf + (g - buf) * (1 - momentum)
        u = orthogonalized(g + (buf - g) * momentum)
        norm = np.linalg.norm(u)
        second = second * beta2 + (u * u).mean(axis, keepdims=True) * (1 - beta2)
        u = u / np.sqrt(np.maximum(second, 1e-10))
        u *= norm / np.linalg.norm(u)
        step = lr * max(1, rows / columns) ** 0.5
        p = p - step * (u + weight_decay * p * (u * p >= 0))
    return p


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 4)])
def test_it_follows_the_formula(float64_device, shape):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=shape), rng.normal(size=(3, *shape))
    weight = vidya.nn.Parameter(vidya.tensor(start, device=float64_device))
    optimizer = Muon([weight], lr=0.05, momentum=0.9, beta2=0.95, weight_decay=0.1)
    for g in gradients:
        weight.grad = vidya.tensor(g, device=float64_device)
        optimizer.step()
    expected = reference(start, gradients, 0.05, 0.9, 0.95, 0.1)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-8, atol=1e-10)


def test_vectors_are_refused():
    with pytest.raises(ValueError, match="use AdamW"):
        Muon([vidya.nn.Parameter(vidya.ones(3))])
