"""Reading and writing at many places, and masks."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case

ALL = "fcib"


_MEET = {"sum": sum, "prod": math.prod, "amax": np.max, "amin": np.min}


def _mean(values):
    whole = values[0].dtype.kind in "iu"
    return sum(values) // len(values) if whole else sum(values) / len(values)


def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    out, dim = np.array(x), dim % x.ndim
    held: dict[tuple, list] = {}
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = index[place]
        held.setdefault(tuple(target), []).append(src[place])
    for target, values in held.items():
        out[target] = _MEET.get(reduce, _mean)(([x[target]] if include_self else []) + values)
    return out


def _reduced(reduce):
    def samples(t):
        for include in (True, False):
            yield S(
                t.distinct(3, 4),
                0,
                t.index(3, 5, 4),
                t.distinct(5, 4) + t.of(0.25),
                reduce,
                include_self=include,
            )
            yield S(
                t.distinct(2, 3),
                -1,
                t.index(3, 2, 4),
                t.distinct(2, 4) + t.of(0.25),
                reduce,
                include_self=include,
            )

    return samples


# sums and products of integers that wrap differ only in when they do
_WIDE = ["int8", "uint8", "int16", "uint16", "float16", "bfloat16"]
for _reduce in ("sum", "prod", "mean", "amax", "amin"):
    case(
        f"scatter_reduce_{_reduce}",
        scatter_reduce,
        _reduced(_reduce),
        fn="scatter_reduce",
        types="fi" if _reduce.startswith("am") else "fci",
        skip_dtypes=_WIDE,
        scale=8,
    )
# the two kernels' worth of work inside, under the names of their ops
case(
    "scatter_extreme",
    scatter_reduce,
    _reduced("amax"),
    fn="scatter_reduce",
    types="f",
    skip_dtypes=_WIDE,
)
case(
    "scatter_prod",
    scatter_reduce,
    _reduced("prod"),
    fn="scatter_reduce",
    types="fc",
    skip_dtypes=_WIDE,
    scale=8,
)


def scatter_number(x, dim, index, value):
    out = np.array(x)
    np.put_along_axis(out, index, x.dtype.type(value), dim)
    return out


case(
    "scatter_number",
    scatter_number,
    lambda t: [S(t(3, 4), 0, t.index(3, 3, 4), 2), S(t(3, 4), 1, t.index(4, 3, 2), 1)],
    fn="scatter",
    types="fic",
)
case(
    "take",
    lambda x, i: np.take(x, i),
    lambda t: [
        S(t(3, 4), t.index(12, 2, 3)),
        S(t(3, 4), np.array([-1, 0])),
        S(t(3, 4), t.index(12, 0)),
    ],
    types=ALL,
    wrong=lambda t: [Wrong(S(t(3, 4), np.array([12])), IndexError, "12")],
)
case(
    "take_along_dim",
    np.take_along_axis,
    lambda t: [
        S(t(3, 4), t.index(3, 2, 4), 0),
        S(t(3, 4), t.index(4, 1, 5), 1),
        S(t(3, 4), np.array([[-1, 0], [2, -4]])[:, [0, 1, 0]].T, 1),
    ],
    types=ALL,
)


def index_copy(x, dim, index, source):
    out = np.moveaxis(x.copy(), dim, 0)
    out[index] = np.moveaxis(source, dim, 0)
    return np.moveaxis(out, 0, dim)


case(
    "index_copy",
    index_copy,
    lambda t: [S(t(3, 4), 1, np.array([3, 0]), t(3, 2)), S(t(3, 4), 0, np.array([2]), t(1, 4))],
    types="fic",
)
case(
    "index_fill",
    lambda x, dim, index, v: index_copy(x, dim, index, np.full_like(np.take(x, index, dim), v)),
    lambda t: [S(t(3, 4), 1, np.array([3, 0]), 2), S(t(3, 4), 0, np.array([1]), 1)],
    types="fic",
)
case(
    "index_add_alpha",
    lambda x, dim, i, s, alpha: index_copy(x, dim, i, np.take(x, i, dim) + x.dtype.type(alpha) * s),
    lambda t: [S(t(3, 4), 1, np.array([3, 0]), t(3, 2), alpha=2)],
    fn="index_add",
    types="fic",
)


def put(x, index, source, accumulate=False):
    out = x.copy().reshape(-1)
    (np.add.at if accumulate else lambda o, i, s: o.__setitem__(i, s))(out, index, source)
    return out.reshape(x.shape)


case(
    "put",
    put,
    lambda t: [S(t(3, 4), np.array([0, 5, -1]), t(3)), S(t(3, 4), np.array([0, 5, 5]), t(3), True)],
    fn=".put",
    types="fic",
)


def index_put(x, i, j, values, accumulate):
    out = x.copy()
    if accumulate:
        np.add.at(out, (i, j), values)
    else:
        out[i, j] = values
    return out


case(
    "index_put",
    index_put,
    lambda t: [
        S(t(3, 4), np.array([0, 1, 2]), np.array([3, 0, 1]), t(3), False),
        S(t(3, 4), np.array([0, 0, 2]), np.array([1, 1, 1]), t(3), True),
    ],
    fn=lambda x, i, j, values, accumulate: x.index_put((i, j), values, accumulate),
    types="fic",
)
case(
    "masked_select",
    lambda x, m: np.broadcast_to(x, np.broadcast_shapes(x.shape, m.shape))[
        np.broadcast_to(m, np.broadcast_shapes(x.shape, m.shape))
    ],
    lambda t: [S(t(3, 4), t.mask(3, 4)), S(t(3, 4), t.mask(4)), S(t(4), t.mask(3, 1))],
    types=ALL,
)


def masked_scatter(x, mask, source):
    out = x.copy()
    out[mask] = source.reshape(-1)[: mask.sum()]
    return out


case(
    "masked_scatter",
    masked_scatter,
    lambda t: [S(t(3, 4), t.mask(3, 4), t(12)), S(t(3, 4), t.mask(3, 4) & False, t(1))],
    fn=".masked_scatter",
    types="fic",
    wrong=lambda t: [
        Wrong(S(t(3), np.array([True] * 3), t(2)), (ValueError, RuntimeError), "3|mask")
    ],
)
case(
    "select_scatter",
    lambda x, s, d, i: index_copy(x, d, np.array([i]), np.expand_dims(s, d)),
    lambda t: [S(t(3, 4), t(3), 1, -1), S(t(3, 4), t(4), 0, 1)],
    types=ALL,
)


def slice_scatter(x, src, dim=0, start=None, end=None, step=1):
    out = x.copy()
    out[tuple(slice(start, end, step) if d == dim else slice(None) for d in range(x.ndim))] = src
    return out


case(
    "slice_scatter",
    slice_scatter,
    lambda t: [S(t(3, 4), t(3, 2), 1, 1, None, 2), S(t(4, 2), t(2, 2), 0, 2)],
    types=ALL,
)
case(
    "nonzero",
    lambda x: np.argwhere(x),
    lambda t: [S(t(3, 4)), S(t(0)), S(t(5))],
    types="fcib",
    out="int64",
    grad=False,
)
case(
    "argwhere",
    lambda x: np.argwhere(x),
    lambda t: [S(t(3, 4))],
    types="fcib",
    out="int64",
    grad=False,
)
