"""What decoding needs: sampling filters, the draw, key-value caches, Muon's rounds."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .nn import softmax

_WIDE = ("bfloat16", "float16")  # ties after rounding leave the kept set open


def top_k(x, k):
    least = np.sort(x, -1)[..., -min(k, x.shape[-1])][..., None]
    return np.where(x < least, -np.inf, x)


def top_p(x, p):
    order = np.argsort(-x, -1, kind="stable")
    chance = np.take_along_axis(softmax(x, -1), order, -1)
    kept = np.cumsum(chance, -1) - chance < p
    kept[..., 0] = True
    out = np.zeros(x.shape, bool)
    np.put_along_axis(out, order, kept, -1)
    return np.where(out, x, -np.inf)


def min_p(x, p):
    chance = softmax(x, -1)
    return np.where(chance < chance.max(-1, keepdims=True) * p, -np.inf, x)


def repetition(x, tokens, penalty):
    out = x.copy()
    found = np.take_along_axis(x, tokens, -1)
    np.put_along_axis(out, tokens, np.where(found > 0, found / penalty, found * penalty), -1)
    return out


def draw(x, u):
    running = np.cumsum(softmax(x, -1), -1)
    return np.argmax(running > u[..., None] * running[..., -1:], -1)


def _filter(*settings):
    return lambda t: [
        *(S(t.distinct(3, 8) * t.dtype.np.type(0.25), v) for v in settings),
        S(t.distinct(6), settings[0]),
    ]


_OPTIONS = {"grad": False, "skip_dtypes": _WIDE}
case(
    "top_k_filter",
    top_k,
    _filter(1, 3, 20),
    fn="ops.sampling.top_k_filter",
    wrong=lambda t: [Wrong(S(t(3, 4), 0), ValueError, "positive")],
    **_OPTIONS,
)
case("top_p_filter", top_p, _filter(0.5, 0.9, 0.0), fn="ops.sampling.top_p_filter", **_OPTIONS)
case("min_p_filter", min_p, _filter(0.1, 0.5), fn="ops.sampling.min_p_filter", **_OPTIONS)
case(
    "repetition_penalty",
    repetition,
    lambda t: [S(t(2, 6), np.array([[1, 2, 1], [0, 5, 5]]), 1.25), S(t(6), np.array([3]), 2.0)],
    fn="ops.sampling.repetition_penalty",
    wrong=lambda t: [Wrong(S(t(2, 6), np.array([1]), 1.5), ValueError, "leading sizes")],
    **_OPTIONS,
)
case(
    "draw_from_logits",
    draw,
    lambda t: [
        S(t(4, 7), t.of([0.0, 0.3, 0.6, 0.99])),
        S(t.of([[0, -np.inf, 1, -np.inf]] * 2), t.of([0.0, 0.999])),
        S(t(5), t.of(0.5)),
    ],
    fn="ops.sampling.draw_from_logits",
    out="int64",
    **_OPTIONS,
)


def cache_write(cache, values, positions):
    out = cache.copy()
    for b in range(cache.shape[0]):
        at = positions if positions.ndim == 1 else positions[b]
        out[b][..., at, :] = values[b]
    return out


case(
    "cache_write",
    cache_write,
    lambda t: [
        S(t(2, 3, 5, 4), t(2, 3, 2, 4), np.array([3, 4])),
        S(t(2, 3, 5, 4), t(2, 3, 2, 4), np.array([[0, 1], [4, 2]])),
    ],
    fn="ops.cache.cache_write",
    types="fi",
    grad=False,
    wrong=lambda t: [
        Wrong(S(t(1, 5, 4), t(1, 2, 4), np.array([4, 5])), IndexError, "5"),
        Wrong(S(t(1, 5, 4), t(1, 2, 3), np.array([0, 1])), ValueError, "sizes of cache"),
    ],
)


def paged_write(pool, rows, slots):
    out = pool.reshape(-1, *pool.shape[2:]).copy()
    out[slots.reshape(-1)] = rows.reshape(-1, *pool.shape[2:])
    return out.reshape(pool.shape)


case(
    "paged_cache_write",
    paged_write,
    lambda t: [
        S(t(3, 2, 2, 4), t(3, 2, 4), np.array([5, 0, 2])),
        S(t(3, 2, 4), t(2, 2, 4), np.array([[1, 2], [3, 4]])),
    ],
    fn="ops.cache.paged_cache_write",
    types="fi",
    grad=False,
    wrong=lambda t: [Wrong(S(t(3, 2, 4), t(1, 4), np.array([6])), IndexError, "6")],
)
case(
    "paged_gather",
    lambda pool, table: pool[table].reshape(*table.shape[:-1], -1, *pool.shape[2:]),
    lambda t: [S(t(4, 2, 3), np.array([[3, 1], [0, 0]])), S(t(4, 2, 2, 3), np.array([2]))],
    fn="ops.cache.paged_gather",
    types="fi",
    grad=False,
)

ROUNDS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


def newton_schulz(g, steps=5):
    x = g / (np.linalg.norm(g, axis=(-2, -1), keepdims=True) * 1.02 + 1e-6)
    for a, b, c in ROUNDS[:steps]:
        gram = x @ np.swapaxes(x, -1, -2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


case(
    "newton_schulz",
    newton_schulz,
    lambda t: [S(t(4, 3)), S(t(3, 5)), S(t(2, 3, 3), steps=2)],
    fn="ops.muon.newton_schulz",
    scale=500,  # small singular values grow by a factor of several per round
    **_OPTIONS,
)
