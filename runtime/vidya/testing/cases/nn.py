"""Layers as functions: linear, embedding, softmax, norms."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case


def linear(x, weight, bias=None):
    y = x @ weight.T
    return y if bias is None else y + bias


def _linear(t):
    yield S(t(3, 5), t(4, 5))  # not square: weight is [out, in]
    yield S(t(2, 3, 5), t(4, 5), t(4))
    yield S(t(5), t(4, 5), t(4))
    yield S(t(0, 5), t(4, 5))


case(
    "nn.functional.linear",
    linear,
    _linear,
    scale=2,
    wrong=lambda t: [Wrong(S(t(3, 5), t(5, 4)), ValueError, r"3, 5.*5, 4")],
    types="fc",
)


def _embedding(t):
    yield S(t.index(7, 2, 3), t(7, 4))
    yield S(np.array([0, 3, 3, 3]), t(5, 2))  # rows that repeat add up in the gradient
    yield S(t.index(7, 0), t(7, 4))
    yield S(np.array(2), t(5, 3))


case(
    "nn.functional.embedding",
    lambda index, weight: weight[index],
    _embedding,
    wrong=lambda t: [Wrong(S(np.array([0, 5]), t(5, 2)), IndexError, r"5")],
    types="fc",
)
case(
    "embedding_by_frequency",  # no true gradient
    lambda index, weight, scale_grad_by_freq: weight[index],
    lambda t: [S(np.array([[0, 2], [2, 2]]), t(4, 3), scale_grad_by_freq=True)],
    fn="nn.functional.embedding",
    grad=False,
)


def log_softmax(x, dim):
    shifted = x - np.max(x, axis=dim, keepdims=True)  # NaN in a row of -inf only, as in PyTorch
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def softmax(x, dim):
    top = np.max(x, axis=dim, keepdims=True)
    e = np.exp(x - top)
    return e / e.sum(axis=dim, keepdims=True)


def _softmax(t):
    yield S(t(3, 5), -1)
    yield S(t(3, 5), 0)
    yield S(t(2, 3, 4), 1)
    yield S(t(5), 0)
    yield S(t(0, 3), 1)
    yield S(t(11, 17), 0)  # many columns side by side
    yield S(t(2, 9, 4, 5), 1)
    yield S(np.concatenate([t(9, 600, low=-20, high=20), t(1, 600) - t.dtype.np.type(90)]), 0)
    yield S(t.of([[1e4, -1e4, 0, 1e4], [-1e4, -1e4, -1e4, 0]]), 1).forward_only()
    if t.is_float:
        yield S(t.of([[0, -np.inf, 1], [-np.inf, 2, -np.inf]]), 1).forward_only()
        yield S(t.of([[-np.inf, -np.inf], [np.inf, 0], [np.nan, 0]]), 1).forward_only()
        columns = np.array(t(10, 24))
        columns[:, 3], columns[4, 5], columns[:9, 6] = -np.inf, np.nan, -np.inf
        columns[2, 7], columns[9, 8], columns[0, 9], columns[9, 10] = np.inf, np.nan, 1e4, -1e4
        yield S(columns, 0).forward_only()


case("softmax", softmax, _softmax, bench=lambda t: [S(t(4096, 1024), -1)])
case("log_softmax", log_softmax, _softmax)


def rms_norm(x, shape, weight=None, eps=1e-5):
    y = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
    return y if weight is None else y * weight


def _rms_norm(t):
    yield S(t(3, 5), (5,), eps=1e-5)
    yield S(t(2, 3, 4), (4,), t(4), eps=1e-5)
    yield S(t(5), (5,), t(5), eps=1e-3)
    yield S(t(3, 5) * t.dtype.np.type(1e-3), (5,), eps=1e-5).forward_only()
    yield S(t(0, 4), (4,), t(4), eps=1e-5)


case(
    "nn.functional.rms_norm",
    rms_norm,
    _rms_norm,
    scale=2,
    bench=lambda t: [S(t(4096, 1024), (1024,), t(1024), eps=1e-5)],
    types="fc",
)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-len(shape), 0))
    centred = x - x.mean(axis=axes, keepdims=True)
    y = centred / np.sqrt(np.mean(centred**2, axis=axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _layer_norm(t):
    yield S(t(3, 5), (5,))
    yield S(t(2, 3, 4), (4,), t(4), t(4))
    yield S(t(2, 3, 4), (3, 4), t(3, 4), t(3, 4))
    yield S(t(3, 5), (5,), t(5), eps=1e-3)
    yield S(t(0, 4), (4,), t(4), t(4))
    if t.dtype.itemsize >= 4:
        yield S((t(3, 8) + 100).astype(t.dtype.np), (8,)).forward_only()


case(
    "nn.functional.layer_norm",
    layer_norm,
    _layer_norm,
    scale=8,
    bench=lambda t: [S(t(4096, 1024), (1024,), t(1024), t(1024))],
)
