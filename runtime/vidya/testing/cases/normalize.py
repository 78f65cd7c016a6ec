"""Normalisation over batches, channels and groups."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case

F = "nn.functional."


def standard(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(np.mean((x - mean) ** 2, axis=axes, keepdims=True) + eps)


def affine(x, weight, bias):
    shape = (1, -1, *(1,) * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training:
        return affine(standard(x, (0, *range(2, x.ndim)), eps), weight, bias)
    shape = (1, -1, *(1,) * (x.ndim - 2))
    return affine((x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps), weight, bias)


def _batch_norm(t):
    yield S(t(4, 3), None, None, t(3), t(3), True)
    yield S(t(2, 3, 4), None, None, None, None, True, eps=1e-3)
    yield S(t(3, 2, 2, 2), t(2), t.positive(2), t(2), t(2)).forward_only()
    yield S(t(3, 2, 5, 7), None, None, t(2), t(2), True)  # channels of more than a few numbers
    yield S(t(2, 2, 40), None, None, t(2), None, True)
    yield S(t(2, 3, 17), None, None, None, t(3), True)


case(
    F + "batch_norm",
    batch_norm,
    _batch_norm,
    scale=8,
    wrong=lambda t: [
        Wrong(S(t(2, 3), None, None), ValueError, "running_mean"),
        Wrong(S(t(1, 3), None, None, None, None, True), ValueError, "more than one value"),
        Wrong(S(t(2, 3), None, None, t(4), None, True), ValueError, "per channel"),
    ],
)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    flat = standard(x.reshape(x.shape[0], groups, -1), (2,), eps)
    return affine(flat.reshape(x.shape), weight, bias)


case(
    F + "group_norm",
    group_norm,
    lambda t: [
        S(t(2, 4, 3), 2, t(4), t(4)),
        S(t(2, 6), 3),
        S(t(2, 3, 2, 2), 1),
        S(t(2, 4, 5, 7), 2, t(4), t(4)),
        S(t(2, 4, 20), 4),
        S(t(1, 4, 33), 1),
    ],
    scale=8,
    wrong=lambda t: [Wrong(S(t(2, 3), 2), ValueError, "groups")],
)


def instance_norm(x, running_mean=None, running_var=None, weight=None, bias=None, eps=1e-5):
    return affine(standard(x, tuple(range(2, x.ndim)), eps), weight, bias)


case(
    F + "instance_norm",
    instance_norm,
    lambda t: [
        S(t(2, 3, 4)),
        S(t(2, 3, 2, 2), None, None, t(3), t(3)),
        S(t(2, 3, 35)),
        S(t(2, 3, 4, 5), None, None, t(3), t(3)),
    ],
    scale=8,
)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    square = np.pad(x * x, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    mean = sum(square[:, i : i + x.shape[1]] for i in range(size)) / size
    return x / (k + alpha * mean) ** beta


case(
    F + "local_response_norm",
    local_response_norm,
    lambda t: [S(t(2, 5, 3), 3), S(t(1, 4, 2, 2), 2, 0.1, 0.5, 2.0)],
    scale=2,
)
