"""Mistakes that an earlier port of microgpt made, one test each."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.testing import assert_close
from vidya.testing.cases.attention import attention
from vidya.testing.cases.nn import rms_norm

F = nn.functional
T, C, H = 5, 8, 2  # positions, channels, heads


@pytest.fixture
def tensor(device):
    def made(array, grad=False):
        x = vidya.tensor(np.asarray(array, np.float32), device=device)
        return x.requires_grad_() if grad else x

    return made


def test_the_gradient_of_a_quotient(tensor):
    a, b = np.array([[1.0, -3.0]]), np.array([[2.0], [-0.5], [4.0]])
    x, y = tensor(a, grad=True), tensor(b, grad=True)
    (x / y).sum().backward()
    assert_close(x.grad, (1 / b).sum(0, keepdims=True) * np.ones_like(a), 1e-6)
    assert_close(y.grad, (-a / b**2).sum(1, keepdims=True), 1e-6)


def test_linear_on_a_matrix_that_is_not_square(tensor):
    rng = np.random.default_rng(0)
    a, w, g = rng.normal(size=(3, 5)), rng.normal(size=(2, 5)), rng.normal(size=(3, 2))
    x, weight = tensor(a, grad=True), tensor(w, grad=True)
    y = F.linear(x, weight)
    assert_close(y, a @ w.T, 1e-5, 1e-6)
    (y * tensor(g)).sum().backward()
    assert_close(x.grad, g @ w, 1e-5, 1e-6)
    assert_close(weight.grad, g.T @ a, 1e-5, 1e-6)


def weights():
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=(C, C)) * 0.5 for name in ("wq", "wk", "wv", "wo")}


def heads_of(x):
    return x.reshape(T, H, C // H).swapaxes(0, 1)


def block_oracle(x, w):
    """Attention as it must be: normalised input, projected queries, causal, residual."""
    n = rms_norm(x, (C,))
    q, k, v = (heads_of(n @ w[name].T) for name in ("wq", "wk", "wv"))
    y = attention(q, k, v, is_causal=True)
    return x + y.swapaxes(0, 1).reshape(T, C) @ w["wo"].T


def block(x, w):
    n = F.rms_norm(x, (C,), eps=1e-5)
    q, k, v = (
        F.linear(n, w[name]).reshape(T, H, C // H).transpose(0, 1) for name in ("wq", "wk", "wv")
    )
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return x + F.linear(y.transpose(0, 1).reshape(T, C), w["wo"])


def test_attention_gets_normalised_input_and_projected_queries(tensor):
    x = np.random.default_rng(2).normal(size=(T, C)) * 3  # far from unit norm
    arrays = weights()
    w = {name: tensor(a, grad=True) for name, a in arrays.items()}
    out = block(tensor(x), w)
    assert_close(out, block_oracle(x, arrays), 1e-4, 1e-5)
    (out * out).sum().backward()
    for name, array in arrays.items():  # a projection that is not used has no gradient
        moved = np.random.default_rng(3).normal(size=array.shape)
        step = 1e-5
        above = (block_oracle(x, arrays | {name: array + step * moved}) ** 2).sum()
        below = (block_oracle(x, arrays | {name: array - step * moved}) ** 2).sum()
        slope = float((w[name].grad * tensor(moved)).sum().item())
        assert slope == pytest.approx((above - below) / (2 * step), rel=1e-3), name


def test_a_kv_cache_that_grows_gives_what_the_whole_sequence_gives(tensor):
    rng = np.random.default_rng(4)
    q, k, v = (rng.normal(size=(H, T, C // H)) for _ in range(3))
    whole = attention(q, k, v, is_causal=True)
    keys, values = tensor(k[:, :0]), tensor(v[:, :0])
    for t in range(T):
        keys = vidya.cat([keys, tensor(k[:, t : t + 1])], 1)
        values = vidya.cat([values, tensor(v[:, t : t + 1])], 1)
        assert keys.shape == (H, t + 1, C // H)
        out = F.scaled_dot_product_attention(tensor(q[:, t : t + 1]), keys, values)
        assert_close(out[:, 0], whole[:, t], 1e-5, 1e-6)
    assert_close(keys, k, 1e-6)  # what was appended first is still there
