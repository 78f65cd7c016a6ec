"""Pooling and resizing."""

from __future__ import annotations

import itertools

import numpy as np

from ..case import S, Wrong, case
from .conv import _SIZES, per_dim


def _count(size, k, stride, pad, dilation, ceil_mode):
    over = size + 2 * pad - dilation * (k - 1) - 1
    count = (-(-over // stride) if ceil_mode else over // stride) + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + pad else count


def windows(x, n, kernel, stride, padding, dilation, ceil_mode):
    """(place of the result, places of x that its window meets, including those outside)."""
    stride = kernel if stride is None else per_dim(stride, n)
    counts = [
        _count(s, *row, ceil_mode)
        for s, *row in zip(x.shape[-n:], kernel, stride, padding, dilation, strict=True)
    ]
    for o in itertools.product(*map(range, counts)):
        yield (
            counts,
            o,
            [
                [i * t - p + j * d for j in range(k)]
                for i, k, t, p, d in zip(o, kernel, stride, padding, dilation, strict=True)
            ],
        )


def max_pool(n):
    def oracle(
        x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
    ):
        kernel, padding, dilation = (per_dim(v, n) for v in (kernel_size, padding, dilation))
        out = where = None
        spatial = x.shape[-n:]
        for counts, o, met in windows(x, n, kernel, stride, padding, dilation, ceil_mode):
            if out is None:
                out = np.zeros((*x.shape[:-n], *counts))
                where = np.zeros(out.shape, np.int64)
            inside = [
                p
                for p in itertools.product(*met)
                if all(0 <= i < s for i, s in zip(p, spatial, strict=True))
            ]
            values = np.stack([x[(..., *p)] for p in inside])
            flat = np.array([np.ravel_multi_index(p, spatial) for p in inside])
            out[(..., *o)] = values.max(0)
            where[(..., *o)] = flat[values.argmax(0)]
        return (out, where) if return_indices else out

    return oracle


def avg_pool(n):
    def oracle(
        x,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        kernel, padding = per_dim(kernel_size, n), per_dim(padding, n)
        out = None
        spatial = x.shape[-n:]
        for counts, o, met in windows(x, n, kernel, stride, padding, (1,) * n, ceil_mode):
            if out is None:
                out = np.zeros((*x.shape[:-n], *counts))
            inside = [
                p
                for p in itertools.product(*met)
                if all(0 <= i < s for i, s in zip(p, spatial, strict=True))
            ]
            bordered = [
                p
                for p in itertools.product(*met)
                if all(i < s + q for i, s, q in zip(p, spatial, padding, strict=True))
            ]
            total = sum(x[(..., *p)] for p in inside)
            count = len(bordered) if count_include_pad else len(inside)
            out[(..., *o)] = total / (divisor_override or count)
        return out

    return oracle


def adaptive(n, reduce):
    def oracle(x, output_size, return_indices=False):
        sizes = [
            s if w is None else w
            for w, s in zip(per_dim(output_size, n), x.shape[-n:], strict=True)
        ]
        out = np.zeros((*x.shape[:-n], *sizes))
        for o in itertools.product(*map(range, sizes)):
            cut = tuple(
                slice(i * s // w, -(-(i + 1) * s // w))
                for i, s, w in zip(o, x.shape[-n:], sizes, strict=True)
            )
            out[(..., *o)] = reduce(x[(..., *cut)], axis=tuple(range(-n, 0)))
        return out

    return oracle


def _samples(n, extra=()):
    def samples(t):
        x = _SIZES[n]
        yield S(t.distinct(2, 2, *x), 2)
        yield S(t.distinct(1, 2, *x), 3, 2, 1)
        yield S(t.distinct(2, *x), 2, 1)
        yield S(t.distinct(1, 1, *x), 2, 2, 0, ceil_mode=True)
        for kwargs in extra:
            yield S(t.distinct(1, 2, *x), 2, **kwargs)

    return samples


for _n in (1, 2, 3):
    case(
        f"nn.functional.max_pool{_n}d",
        max_pool(_n),
        _samples(_n, [{"dilation": 2, "stride": 1}]),
        wrong=lambda t, n=_n: [
            Wrong(S(t(1, 1, *_SIZES[n]), 9), ValueError, "does not fit"),
            Wrong(S(t(3), 2), ValueError, "dims"),
        ],
    )
    case(
        f"max_pool{_n}d_indices",
        max_pool(_n),
        lambda t, n=_n: [S(t.distinct(2, 2, *_SIZES[n]), 2, return_indices=True)],
        fn=f"nn.functional.max_pool{_n}d",
        out=("same", "int64"),
    )
    case(
        f"nn.functional.avg_pool{_n}d",
        avg_pool(_n),
        _samples(_n, [{"padding": 1, "count_include_pad": False}]),
        scale=4,
    )

    def _adaptive(t, n=_n):
        x = _SIZES[n]
        yield S(t.distinct(2, 2, *x), 2)
        yield S(t.distinct(1, 2, *x), (3, 2, 1)[:n])
        yield S(t.distinct(2, *x), 4)

    case(f"nn.functional.adaptive_avg_pool{_n}d", adaptive(_n, np.mean), _adaptive, scale=8)
    case(f"nn.functional.adaptive_max_pool{_n}d", adaptive(_n, np.max), _adaptive)


# ---- resizing ----


def _at(size, new, factor, mode, align_corners):
    """(index, weight) of the elements that make each new one."""
    scale = 1 / factor if factor else size / new
    rows = []
    for i in range(new):
        if mode == "nearest":
            rows.append([(min(int(np.floor(np.float32(i) * np.float32(scale))), size - 1), 1.0)])
            continue
        if align_corners:
            at = i * (size - 1) / (new - 1) if new > 1 else 0.0
        else:
            at = (i + 0.5) * scale - 0.5
        if mode != "bicubic":
            at = max(at, 0.0)
        low, t = int(np.floor(at)), at - np.floor(at)
        if mode != "bicubic":
            rows.append([(min(low, size - 1), 1 - t), (min(low + 1, size - 1), t)])
            continue

        def keys(s, a=-0.75):
            s = abs(s)
            near = ((a + 2) * s - (a + 3)) * s * s + 1
            return near if s <= 1 else ((a * s - 5 * a) * s + 8 * a) * s - 4 * a

        rows.append([(min(max(low + j, 0), size - 1), keys(t - j)) for j in range(-1, 3)])
    return rows


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    n = x.ndim - 2
    for d in range(n):
        axis, have = 2 + d, x.shape[2 + d]
        factor = (
            None
            if scale_factor is None
            else per_dim(scale_factor, n)[d]
            if not isinstance(scale_factor, float)
            else scale_factor
        )
        new = per_dim(size, n)[d] if size is not None else int(np.floor(have * factor))
        rows = _at(have, new, factor, mode, align_corners)
        parts = [sum(np.take(x, i, axis) * w for i, w in row) for row in rows]
        x = np.stack(parts, axis)
    return x


def _interpolate(t):
    for n, linear in ((1, "linear"), (2, "bilinear"), (3, "trilinear")):
        x = t(1, 2, *_SIZES[n])
        yield S(x, size=(7, 3, 2)[:n])
        yield S(x, scale_factor=2.0)
        yield S(x, size=(7, 3, 2)[:n], mode=linear)
        yield S(x, scale_factor=1.5, mode=linear, align_corners=False)
        yield S(x, size=5, mode=linear, align_corners=True)
    yield S(t(1, 1, 4, 5), size=(7, 3), mode="bicubic")


case(
    "nn.functional.interpolate",
    interpolate,
    _interpolate,
    scale=16,
    wrong=lambda t: [
        Wrong(S(t(1, 1, 4), size=3, mode="bilinear"), ValueError, "bilinear"),
        Wrong(S(t(1, 1, 4)), ValueError, "size or scale_factor"),
    ],
)


def pixel_shuffle(x, r):
    n, c, h, w = x.shape
    out = np.zeros((n, c // (r * r), h * r, w * r), x.dtype)
    for i, j in np.ndindex(r, r):
        out[:, :, i::r, j::r] = x[:, i * r + j :: r * r]
    return out


def pixel_unshuffle(x, r):
    n, c, h, w = x.shape
    out = np.zeros((n, c * r * r, h // r, w // r), x.dtype)
    for i, j in np.ndindex(r, r):
        out[:, i * r + j :: r * r] = x[:, :, i::r, j::r]
    return out


case("nn.functional.pixel_shuffle", pixel_shuffle, lambda t: [S(t(1, 8, 2, 3), 2)], types="fc")
case("nn.functional.pixel_unshuffle", pixel_unshuffle, lambda t: [S(t(1, 2, 4, 6), 2)], types="fc")
