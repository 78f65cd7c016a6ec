"""Indexing with numbers, slices, masks and tensors; gather and scatter."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case

ALL = "fcib"

# x[...] with every kind of index; the key is (name, shape, index)
_KEYS = [
    ("int", (3, 4), (1,)),
    ("negative", (3, 4), (-1, 2)),
    ("slice", (5, 4), (slice(1, 4), slice(None, -1))),
    ("step", (7, 4), (slice(0, 6, 2), slice(3, None))),
    ("ellipsis", (2, 3, 4), (Ellipsis, 1)),
    ("none", (3, 4), (None, slice(None), None, 2)),
    ("empty", (3, 4), (slice(2, 2),)),
]
for _name, _shape, _key in _KEYS:
    case(
        f"getitem_{_name}",
        lambda x, _k=_key: x[_k],
        lambda t, _s=_shape: [S(t(*_s))],
        fn=lambda x, _k=_key: x[_k],
        types=ALL,
    )
case(
    "getitem_reversed",
    lambda x: x[::-1, ::-2],
    lambda t: [S(t(3, 5))],
    fn=lambda x: x[::-1, ::-2],
    types=ALL,
)
case(
    "getitem_mask",
    lambda x, m: x[m],
    lambda t: [S(t(3, 4), t.mask(3, 4)), S(t(4, 3), t.mask(4))],
    fn=lambda x, m: x[m],
    types=ALL,
)


def _advanced(t):
    yield S(t(5, 3), t.index(5, 4))
    yield S(t(5, 3), t.index(5, 2, 2))
    yield S(t(5, 3), np.array([0, -1, 0]))  # a repeated index adds up in the gradient


case("getitem_index", lambda x, i: x[i], _advanced, fn=lambda x, i: x[i], types=ALL)
case(
    "getitem_pair",
    lambda x, i, j: x[i, j],
    lambda t: [
        S(t(5, 3), t.index(5, 4), t.index(3, 4)),
        S(t(5, 3, 2), t.index(5, 2, 1), t.index(3, 3)),
    ],
    fn=lambda x, i, j: x[i, j],
    types=ALL,
)


def _written(x, y, key):
    out = x.copy()
    out[key] = y
    return out


def _setitem(key):
    def fn(x, y):
        out = x.clone()
        out[key] = y
        return out

    return fn


for _name, _key, _shape in [
    ("slice", (slice(1, 4, 2), slice(None)), (2, 3)),
    ("int", (2,), (3,)),
    ("column", (slice(None), 1), (5,)),
]:
    case(
        f"setitem_{_name}",
        lambda x, y, _k=_key: _written(x, y, _k),
        lambda t, _s=_shape: [S(t(5, 3), t(*_s))],
        fn=_setitem(_key),
        types=ALL,
        grad=False,  # autograd refuses writes, in words
    )


def _gather(t):
    yield S(t(3, 4), 0, t.index(3, 2, 4))
    yield S(t(3, 4), -1, t.index(4, 3, 6))
    yield S(t(2, 3, 4), 1, t.index(3, 2, 5, 3))
    yield S(t(3, 4), 0, t.index(3, 0, 4))


def gather(x, dim, index):
    dim = dim % x.ndim
    cut = x[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))]
    return np.take_along_axis(cut, index, dim)


case(
    "gather",
    gather,
    _gather,
    types=ALL,
    wrong=lambda t: [Wrong(S(t(3, 4), 0, np.full((1, 4), 3)), IndexError, r"3")],
)
case(
    "index_select",
    lambda x, dim, i: np.take(x, i, dim),
    lambda t: [
        S(t(3, 4), 0, t.index(3, 5)),
        S(t(2, 3, 4), -1, t.index(4, 2)),
        S(t(3, 4), 0, t.index(3, 0)),
    ],
    types=ALL,
    wrong=lambda t: [Wrong(S(t(3, 4), 1, np.array([0, 4])), IndexError, r"4")],
)


def _scatter(add: bool):
    def oracle(x, dim, index, src):
        out, dim = np.array(x), dim % x.ndim
        for place in np.ndindex(index.shape):
            target = list(place)
            target[dim] = index[place]
            out[tuple(target)] = src[place] + (out[tuple(target)] if add else 0)
        return out

    return oracle


def _unique_index(t, size, *shape):
    """Indices that do not repeat along dim 0: what a repeated write gives is not defined."""
    return t.rng.permuted(np.broadcast_to(np.arange(size)[:, None], (size, shape[1])), axis=0)[
        : shape[0]
    ]


def _scatter_samples(t):
    yield S(t(5, 4), 0, _unique_index(t, 5, 3, 4), t(3, 4))
    yield S(t(4, 5), 1, _unique_index(t, 5, 2, 3).T, t(3, 2))
    # a part of src only: PyTorch has no gradient there
    yield S(t(4, 5), 1, _unique_index(t, 5, 2, 3).T, t(3, 4)).forward_only()
    yield S(t(3, 4), 0, t.index(3, 0, 4), t(2, 4)).forward_only()


def _scatter_add_samples(t):
    yield S(t(3, 4), 0, t.index(3, 6, 4), t(6, 4))
    yield S(t(4, 5), -1, t.index(5, 3, 2), t(3, 2))
    yield S(t(4, 5), -1, t.index(5, 3, 2), t(3, 4)).forward_only()
    yield S(t(3, 4), 0, t.index(3, 0, 4), t(2, 4)).forward_only()


def _outside(t):
    return [Wrong(S(t(3, 4), 0, np.full((1, 4), 3), t(1, 4)), IndexError, r"3")]


case("scatter", _scatter(False), _scatter_samples, types="fic", wrong=_outside)
case("scatter_add", _scatter(True), _scatter_add_samples, types="fic", wrong=_outside)


def _index_add(x, dim, index, src):
    out = np.moveaxis(np.array(x), dim, 0).copy()
    np.add.at(out, index, np.moveaxis(src, dim, 0))
    return np.moveaxis(out, 0, dim)


case(
    "index_add",
    _index_add,
    lambda t: [S(t(3, 4), 0, t.index(3, 5), t(5, 4)), S(t(3, 4), 1, t.index(4, 2), t(3, 2))],
    types="fic",
)
