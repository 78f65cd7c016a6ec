"""Reading and writing by every kind of key, and the ops that go by an index."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compare import REFUSED, check, side
from .draw import ALL, FLOATS, INTS, REAL, Call, Draw, Pair


def key(draw: Draw, shape: tuple[int, ...], least_step: int = 1) -> Any:
    """Numbers, slices, None, Ellipsis, indices that broadcast, and masks."""
    parts: list[Any] = []
    left = list(shape)
    many = draw.one((), (2,), (3,), (1,), (2, 1), (2, 3))
    while left and draw.maybe(0.8):
        size, what = left.pop(0), draw.rng.random()
        if what < 0.2 and size:
            parts.append(draw.rng.randint(-size, size - 1))
        elif what < 0.5:
            ends = [draw.one(None, draw.rng.randint(-size - 1, size + 1)) for _ in range(2)]
            parts.append(slice(*ends, draw.one(None, 1, 2, 3)))
        elif what < 0.6:
            left.insert(0, size)
            parts.append(None)
        elif what < 0.85 and size:
            kept = draw.one(many, many[-1:], (1,))
            index = draw.index(size, kept, negative=True)
            parts.append(index if draw.maybe(0.8) else index.theirs.tolist())
        elif what < 0.93 and left:  # a mask of two dims
            parts.append(draw.pair("bool", (size, left.pop(0))))
        else:
            parts.append(draw.pair("bool", (size,)))
    if draw.maybe(0.3) and not any(isinstance(p, Pair) for p in parts):
        parts.insert(draw.rng.randint(0, len(parts)), Ellipsis)
    elif draw.maybe(0.2):
        parts.append(Ellipsis)
    return parts[0] if len(parts) == 1 else tuple(parts)


def getitem(lib: Any, x: Any, at: Any) -> Any:
    return x[at]


def setitem(lib: Any, x: Any, at: Any, value: Any) -> Any:
    x = x.clone()
    x[at] = value
    return x


def added(lib: Any, x: Any, at: Any, value: Any) -> Any:
    return x.index_put(at, value, accumulate=True)


def reading(draw: Draw) -> Call:
    shape, kind = draw.shape(4), draw.one(*ALL)
    x = draw.pair(kind, shape, hard=False)
    return Call(getitem, [x, key(draw, shape)], gradient=kind in ("float64", "complex128"))


def writing(draw: Draw) -> Call:
    shape, kind = draw.shape(4), draw.one(*ALL)
    x, at = draw.pair(kind, shape, hard=False), key(draw, shape)
    try:
        target = tuple(x.theirs[side(at, "theirs")].shape)
    except REFUSED:
        target = ()
    value: Any = 1
    if draw.maybe(0.7):
        value = draw.pair(kind, draw.broadcasting(target), hard=False)
    once = not isinstance(value, Pair) or not _repeats(x, at)
    if not once:  # which of several writes to one place wins is not promised
        value = draw.one(1, True)
    return Call(setitem, [x, at, value], gradient=kind in ("float64", "complex128"))


def _repeats(x: Pair, at: Any) -> bool:
    """Whether a key names an element twice."""
    places = np.arange(x.theirs.numel()).reshape(tuple(x.theirs.shape))
    given = side(at, "theirs")
    try:
        picked = places[
            tuple(map(_as_numpy, given)) if isinstance(given, tuple) else _as_numpy(given)
        ]
    except (IndexError, ValueError):
        return True
    return len(np.unique(picked)) != np.size(picked)


def _as_numpy(part: Any) -> Any:
    return part.numpy() if hasattr(part, "numpy") else part


def accumulating(draw: Draw) -> Call:
    shape = draw.shape(3, least=1)
    kind = draw.one("float32", "float64", "int64", "int32", "complex128", "bfloat16")
    count = draw.rng.randint(1, len(shape))
    many = draw.one((4,), (2, 3), (1,), ())
    at = tuple(draw.index(s, draw.one(many, many[-1:]), negative=True) for s in shape[:count])
    x = draw.pair(kind, shape, hard=False)
    try:
        target = tuple(x.theirs[side(at, "theirs")].shape)
    except REFUSED:
        target = ()
    value = draw.pair(kind, draw.broadcasting(target), hard=False)
    return Call(added, [x, at, value], gradient=kind in ("float64", "complex128"), loose=4)


def by_index(draw: Draw) -> Call:
    name = draw.one(*_BY_INDEX)
    kinds = {"scatter_reduce": REAL, "index_reduce": FLOATS[:2]}.get(name, ALL)
    shape, kind = draw.shape(3, least=draw.one(0, 1, 1, 1)), draw.one(*kinds, "float64")
    x, dim = draw.pair(kind, shape, hard=False), draw.dim(shape)
    size = shape[dim] if shape else 1
    smooth = kind in ("float64", "complex128")
    if name in ("gather", "scatter", "scatter_add", "scatter_reduce"):
        fewer = tuple(draw.rng.randint(0 if draw.maybe(0.1) else min(1, s), s) for s in shape)
        if shape and draw.maybe() and name != "scatter":
            fewer = tuple(draw.rng.randint(1, 6) if i == dim % len(shape) else s
                          for i, s in enumerate(fewer))  # fmt: skip
        at = draw.index(size, fewer)
        if name == "gather":
            return Call(name, [x, dim, at], gradient=smooth)
        if name == "scatter":  # one place for each, so that no two writes meet
            order = draw.numpy.permuted(_rows(draw, shape, dim), axis=dim) if shape else 0
            at = draw.of(order)
            fewer = shape
        larger = tuple(s + draw.one(0, 0, 1) for s in fewer)
        source: Any = draw.pair(kind, larger, hard=False)
        if name == "scatter" and draw.maybe(0.3):
            source = 2
        if name == "scatter_reduce":
            how = draw.one("sum", "prod", "mean", "amax", "amin")
            keywords = {"include_self": draw.maybe()}
            inside = smooth and (how not in ("amax", "amin") or not _equal(x, source))
            loose = 1 if kind in ("float64", "int64") else 40
            return Call(name, [x, dim, at, source, how], keywords, gradient=inside, loose=loose)
        return Call(name, [x, dim, at, source], gradient=smooth, loose=4)
    if name in ("take", "put"):
        at = draw.index(x.theirs.numel(), draw.one((3,), (2, 2), ()), negative=True)
        if name == "take":
            return Call(name, [x, at], gradient=smooth)
        source = draw.pair(kind, tuple(at.theirs.shape), hard=False)
        return Call(name, [x, at, source, True], gradient=smooth)
    if name in ("masked_scatter", "masked_select", "masked_fill"):
        mask = draw.pair("bool", draw.broadcasting(shape))
        if name == "masked_select":
            return Call(name, [x, mask], gradient=smooth)
        if name == "masked_fill":
            return Call(name, [x, mask, draw.one(1, True, draw.pair(kind, (), False))],
                        gradient=smooth)  # fmt: skip
        return Call(name, [x, mask, draw.pair(kind, (x.theirs.numel(),), False)], gradient=smooth)
    count = draw.rng.randint(0, max(size, 1))
    at = draw.of(draw.numpy.permutation(size)[:count])
    if name == "index_select":
        return Call(name, [x, dim, draw.index(size, draw.one((0,), (4,), (1,)))], gradient=smooth)
    if name == "index_fill":
        return Call(name, [x, dim, at, 3], gradient=smooth)
    rest = tuple(count if i == dim % max(len(shape), 1) else s for i, s in enumerate(shape))
    source = draw.pair(kind, rest, hard=False)
    if name == "index_reduce":
        how, keywords = draw.one("prod", "mean", "amax", "amin"), {"include_self": draw.maybe()}
        return Call(name, [x, dim, at, source, how], keywords, loose=40)
    keywords = {"alpha": 2} if name == "index_add" and draw.maybe(0.3) else {}
    return Call(name, [x, dim, at, source], keywords, gradient=smooth)


def _rows(draw: Draw, shape: tuple[int, ...], dim: int) -> Any:
    along = [1] * len(shape)
    along[dim] = shape[dim]
    return np.broadcast_to(np.arange(shape[dim]).reshape(along), shape).copy()


def _equal(x: Pair, y: Any) -> bool:
    """Whether two elements are equal, so that an extreme has several places."""
    both = np.concatenate([x.theirs.numpy().ravel(), y.theirs.numpy().ravel()])
    return len(np.unique(both)) != both.size


_BY_INDEX = (
    "gather", "scatter", "scatter_add", "scatter_reduce", "scatter_reduce", "take", "put",
    "masked_scatter", "masked_select", "masked_fill", "index_select", "index_fill", "index_copy",
    "index_add", "index_reduce",
)  # fmt: skip


def low_sums(call: Call) -> bool:
    """Sums and products of short integers wrap; PyTorch's low-precision ones round at each step."""
    kind = str(side(call.args[0], "theirs").dtype).removeprefix("torch.")
    return call.name in ("scatter_reduce", "added", "put", "scatter_add", "index_add") and kind in (
        "float16", "bfloat16", *INTS[1:], "bool"
    )  # fmt: skip


def test_reading(draw):
    check(draw, reading)


def test_writing(draw):
    check(draw, writing)


def test_accumulating(draw):
    check(draw, accumulating, low_sums)


def test_ops_that_go_by_an_index(draw):
    check(draw, by_index, low_sums)
