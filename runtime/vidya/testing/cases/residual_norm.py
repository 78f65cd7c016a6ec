"""Norms of a sum that is wanted, too."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .nn import layer_norm, rms_norm


def residual_rms_norm(x, residual=None, weight=None, eps=1e-5, narrow=None):
    total = x if residual is None else x + residual
    y = rms_norm(total, None, weight, eps)
    return y if residual is None else (total, y)


def residual_layer_norm(x, residual=None, weight=None, bias=None, eps=1e-5, narrow=None):
    total = x if residual is None else x + residual
    y = layer_norm(total, total.shape[-1:], weight, bias, eps)
    return y if residual is None else (total, y)


def _samples(weights):
    def samples(t):
        yield S(t(3, 5), t(3, 5))
        yield S(t(2, 3, 4), t(2, 3, 4), *(t(4) for _ in range(weights)))
        yield S(t(5, 40), None, *(t(40) for _ in range(weights)), eps=1e-3)
        yield S(t(0, 4), t(0, 4), *(t(4) for _ in range(weights)))

    return samples


def _wrong(t):
    yield Wrong(S(t(3, 5), t(5)), ValueError, r"residual \(5,\).*x \(3, 5\)")
    yield Wrong(S(t(3, 5), t(3, 5), t(4)), ValueError, r"4.*last size")


case(
    "residual_rms_norm",
    residual_rms_norm,
    _samples(1),
    fn="ops.residual_norm.residual_rms_norm",
    scale=4,
    wrong=_wrong,
)
case(
    "residual_layer_norm",
    residual_layer_norm,
    _samples(2),
    fn="ops.residual_norm.residual_layer_norm",
    scale=8,
    wrong=_wrong,
)


def residual_rms_norm_backward(g, x, weight, residual, eps=1e-5, narrow=None):
    r = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    h = g if weight is None else g * weight
    total = residual + r * h - x * r**3 * np.mean(h * x, axis=-1, keepdims=True)
    if weight is None:
        return total
    return total, np.sum((g * x * r).reshape(-1, x.shape[-1]), axis=0)


def residual_layer_norm_backward(g, x, weight, residual, eps=1e-5, narrow=None):
    centred = x - x.mean(axis=-1, keepdims=True)
    r = 1 / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + eps)
    hat = centred * r
    h = g if weight is None else g * weight
    spread = h - h.mean(axis=-1, keepdims=True) - hat * np.mean(h * hat, axis=-1, keepdims=True)
    if weight is None:
        return residual + r * spread
    rows = (-1, x.shape[-1])
    return residual + r * spread, (g * hat).reshape(rows).sum(0), g.reshape(rows).sum(0)


def _backward(t):
    yield S(t(3, 5), t(3, 5), None, t(3, 5))
    yield S(t(2, 3, 4), t(2, 3, 4), t(4), t(2, 3, 4))
    yield S(t(5, 40), t(5, 40), t(40), t(5, 40), eps=1e-3)


case(
    "residual_rms_norm_backward",
    residual_rms_norm_backward,
    _backward,
    fn="ops.residual_norm.residual_rms_norm_backward",
    scale=8,
    wrong=lambda t: [Wrong(S(t(3, 5), t(3, 5), None, t(5)), ValueError, r"residual \(5,\)")],
)
case(
    "residual_layer_norm_backward",
    residual_layer_norm_backward,
    _backward,
    fn="ops.residual_norm.residual_layer_norm_backward",
    scale=16,
    wrong=lambda t: [Wrong(S(t(3, 5), t(3, 5), None, t(5)), ValueError, r"residual \(5,\)")],
)
