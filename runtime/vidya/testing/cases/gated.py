"""Gated activations and rotary embedding, which PyTorch does not have under these names."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case

_erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def _two(t):
    yield S(t(3, 4), t(3, 4))
    yield S(t(2, 3, 2), t(2, 3, 2))
    yield S(t(5), t(5))
    yield S(t.of([1e3, -1e3, 0.0]), t.of([1.0, 2.0, 3.0])).forward_only()


case("swiglu", lambda a, b: a * sigmoid(a) * b, _two, fn="ops.gated.swiglu", scale=2)
case(
    "geglu",
    lambda a, b, approximate="none": gelu(a, approximate) * b,
    lambda t: [*_two(t), S(t(3, 4), t(3, 4), approximate="tanh")],
    fn="ops.gated.geglu",
    scale=2,
)
case(
    "relu_squared",
    lambda x: np.maximum(x, 0) ** 2,
    lambda t: [S(t.nonzero(3, 4)), S(t(0, 3)), S(t(5, low=0.5, high=2))],
    fn="ops.gated.relu_squared",
)
case(
    "nn.functional.glu",
    lambda x, dim=-1: (lambda a, b: a * sigmoid(b))(*np.split(x, 2, dim)),
    lambda t: [S(t(3, 4)), S(t(4, 3), dim=0), S(t(2, 6, 2), dim=1)],
    scale=2,
    wrong=lambda t: [Wrong(S(t(3, 5)), ValueError, "even")],
)


def rope(x, cos, sin, interleaved=False):
    half = cos.shape[-1]
    head, tail = x[..., : 2 * half], x[..., 2 * half :]
    a, b = (
        (head[..., 0::2], head[..., 1::2]) if interleaved else (head[..., :half], head[..., half:])
    )
    u, v = a * cos - b * sin, b * cos + a * sin
    if interleaved:
        turned = np.stack([u, v], -1).reshape(*u.shape[:-1], 2 * half)
    else:
        turned = np.concatenate([u, v], -1)
    return np.concatenate([turned, np.broadcast_to(tail, (*turned.shape[:-1], tail.shape[-1]))], -1)


def _rope(t):
    for interleaved in (False, True):
        yield S(t(2, 3, 4), t(3, 2), t(3, 2), interleaved)
        yield S(t(2, 2, 3, 4), t(3, 2), t(3, 2), interleaved)
        yield S(t(2, 2, 3, 6), t(2, 1, 3, 2), t(2, 1, 3, 2), interleaved)  # two numbers stay


case(
    "rope",
    rope,
    _rope,
    fn="ops.rope.rope",
    scale=2,
    wrong=lambda t: [Wrong(S(t(3, 4), t(3, 3), t(3, 3)), ValueError, "half the last size")],
)


def rope_positions(x, positions, theta=1e4, interleaved=False):
    angle = positions[..., None] * theta ** (-np.arange(0, x.shape[-1], 2) / x.shape[-1])
    if positions.ndim == 2:
        angle = angle.reshape(angle.shape[0], *(1,) * (x.ndim - 3), *angle.shape[1:])
    return rope(x, np.cos(angle), np.sin(angle), interleaved)


case(
    "rope_positions",
    rope_positions,
    lambda t: [
        S(t(2, 3, 4), np.array([0, 5, 2])),
        S(t(2, 2, 3, 4), np.array([[0, 1, 2], [7, 8, 9]]), interleaved=True),
        S(t(2, 2, 3, 6), np.arange(3), theta=100.0),
    ],
    fn="functional.rope",
    scale=8,
)
