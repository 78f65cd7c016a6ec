"""Layouts beyond the basic ones: parts, repeats, orders, diagonals, triangles, windows of a dim."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case

ALL = "fcib"


def given(*calls):
    """One Sample per call: (shape, arguments, keyword arguments)."""
    return lambda t: [S(t(*shape), *args, **kwargs) for shape, args, kwargs in calls]


def C(shape, *args, **kwargs):
    return shape, args, kwargs


def row(name, oracle, *calls, **options):
    case(name, oracle, given(*calls), types=options.pop("types", ALL), **options)


# ---- shapes ----

row("ravel", np.ravel, C((2, 3)), C(()), C((0, 3)))
row(
    "unflatten",
    lambda x, d, s: (
        x.reshape(*x.shape[: d % x.ndim], *s, *x.shape[d % x.ndim + 1 :])
        if -1 not in s
        else x.reshape(2, -1, 3)
    ),
    C((4, 3), 0, (2, 2)),
    C((6, 3), 0, (2, -1)),
)
row("swapaxes", np.swapaxes, C((2, 3, 4), 0, -1))
row("moveaxis", np.moveaxis, C((2, 3, 4), (0, 1), (2, 0)), C((2, 3, 4), -1, 0))
row("broadcast_to", np.broadcast_to, C((3, 1), (2, 3, 4)), C((), (2, 2)))
row("atleast_1d", np.atleast_1d, C(()), C((2,)))
row("atleast_2d", np.atleast_2d, C(()), C((2,)), C((2, 3)))
row("atleast_3d", np.atleast_3d, C(()), C((2,)), C((2, 3)))
row("t", np.transpose, C((2, 3)), C((3,)))
row("adjoint", lambda x: np.conj(np.swapaxes(x, -1, -2)), C((2, 3, 4)), types="fci")
case(
    "broadcast_tensors",
    lambda *xs: tuple(np.broadcast_arrays(*xs)),
    lambda t: [S(t(3, 1), t(4)), S(t(), t(2))],
    types=ALL,
)

# ---- parts ----

row("unbind", lambda x, d=0: tuple(np.moveaxis(x, d, 0)), C((3, 2)), C((2, 3), -1))
row("unbind_copy", lambda x, d=0: tuple(np.moveaxis(x, d, 0)), C((3, 2)), C((2, 3), -1))
row(
    "tensor_split",
    lambda x, n, d=0: tuple(np.array_split(x, n, d)),
    C((5, 3), 2),
    C((2, 7), (1, 4), -1),
    C((3,), 5),
)
row("hsplit", lambda x, n: tuple(np.hsplit(x, n)), C((2, 4), 2), C((6,), 3), C((2, 5), [1, 3]))
row("vsplit", lambda x, n: tuple(np.vsplit(x, n)), C((4, 2), 2))
row("dsplit", lambda x, n: tuple(np.dsplit(x, n)), C((2, 2, 4), 2))
for _name, _oracle in [
    ("hstack", np.hstack),
    ("vstack", np.vstack),
    ("dstack", np.dstack),
    ("column_stack", np.column_stack),
]:
    case(_name, _oracle, lambda t: [S([t(2, 3), t(2, 3)]), S([t(3), t(3)])], types=ALL)
case(
    "stack_mixed",
    lambda xs, dim: np.stack(xs, dim),
    lambda t: [S([t(2, 3), t(2, 3)], -1)],
    fn="stack",
    types=ALL,
    wrong=lambda t: [Wrong(S([t(2, 3), t(2, 4)], 0), (ValueError, RuntimeError), r"2, 4")],
)


def block_diag(*xs):
    xs = [np.atleast_2d(x) for x in xs]
    out = np.zeros([sum(x.shape[i] for x in xs) for i in (0, 1)], xs[0].dtype)
    a = b = 0
    for x in xs:
        out[a : a + x.shape[0], b : b + x.shape[1]] = x
        a, b = a + x.shape[0], b + x.shape[1]
    return out


case("block_diag", block_diag, lambda t: [S(t(2, 3), t(1, 2), t(3)), S(t(), t(2, 2))], types=ALL)

# ---- repeated, reordered ----

row("tile", np.tile, C((2, 3), (2,)), C((2, 3), (2, 1, 3)), C((), (2,)))
row(
    "repeat",
    lambda x, *n: np.tile(x, n),
    C((2, 3), 2, 3),
    C((3,), 2, 1, 2),
    C((2,), 0),
    fn=".repeat",
)
row(
    "repeat_interleave",
    lambda x, n, dim=None: np.repeat(x, n, dim),
    C((2, 3), 2),
    C((2, 3), 3, 0),
    C((2, 3), 2, dim=-1),
)
case(
    "repeat_interleave_counts",
    lambda x, n, dim: np.repeat(x, n, dim),
    lambda t: [S(t(3, 2), np.array([2, 0, 3]), 0)],
    fn="repeat_interleave",
    types=ALL,
)
row(
    "roll",
    lambda x, n, dims=None: np.roll(x, n, dims),
    C((2, 3), 1),
    C((2, 3), -1, 0),
    C((3, 4), (1, -2), (0, 1)),
    C((0, 3), 1, 0),
)
row(
    "rot90",
    lambda x, k=1, dims=(0, 1): np.rot90(x, k, dims),
    C((2, 3)),
    C((2, 3), 2),
    C((2, 3, 4), -1, (1, 2)),
)
row("fliplr", np.fliplr, C((2, 3)))
row("flipud", np.flipud, C((2, 3)), C((3,)))
case(
    "meshgrid",
    lambda *xs, indexing="ij": tuple(np.meshgrid(*xs, indexing=indexing)),
    lambda t: [S(t(3), t(2), indexing="ij"), S(t(3), t(2), t(4), indexing="xy")],
    types=ALL,
)
case(
    "cartesian_prod",
    lambda *xs: np.stack([g.ravel() for g in np.meshgrid(*xs, indexing="ij")], 1),
    lambda t: [S(t(3), t(2)), S(t(2), t(1), t(2))],
    types=ALL,
)

# ---- diagonals and triangles ----

row("diagonal", np.diagonal, C((3, 4)), C((3, 4), 1), C((2, 3, 4), -1, 1, 2), C((3, 4), 5))
row("diag", np.diag, C((3, 4)), C((3, 4), -1), C((3,)), C((3,), 1))
row("diagflat", np.diagflat, C((2, 2)), C((2,), -1))
row("trace", np.trace, C((3, 4)), types="fc")


def diag_embed(x, offset=0):
    out = np.zeros((*x.shape[:-1], x.shape[-1] + abs(offset), x.shape[-1] + abs(offset)), x.dtype)
    i = np.arange(x.shape[-1])
    out[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return out


row("diag_embed", diag_embed, C((3,)), C((2, 3), 1), C((2, 3), -1))


def diagonal_scatter(x, src, offset=0):
    out = x.copy()
    i = np.arange(src.shape[-1])
    out[i + max(-offset, 0), i + max(offset, 0)] = src
    return out


case(
    "diagonal_scatter",
    diagonal_scatter,
    lambda t: [S(t(3, 4), t(3)), S(t(3, 4), t(3), 1), S(t(3, 4), t(2), -1)],
    types=ALL,
)


# ---- strides ----


def unfold(x, dim, size, step):
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim)
    return windows[
        tuple(slice(None, None, step if d == dim % x.ndim else None) for d in range(x.ndim))
    ]


row(
    "unfold",
    unfold,
    C((5,), 0, 2, 1),
    C((3, 6), -1, 3, 2),
    C((5, 2), 0, 3, 1),
    fn=".unfold",
    wrong=lambda t: [Wrong(S(t(3), 0, 4, 1), (ValueError, RuntimeError), "4")],
)


def as_strided(x, size, stride, offset=0):
    base = np.ascontiguousarray(x)
    steps = [s * base.itemsize for s in stride]
    return np.lib.stride_tricks.as_strided(base.ravel()[offset:], size, steps).copy()


def _contiguous_as_strided(x, *args):
    return x.contiguous().as_strided(*args)


row(
    "as_strided",
    as_strided,
    C((3, 4), (3, 2), (1, 2)),
    C((3, 4), (3, 3), (1, 1)),
    C((3, 4), (2, 2), (4, 1), 1),
    C((3, 4), (2, 3), (0, 1)),
    fn=_contiguous_as_strided,
)


def _as_strided_scatter(x, y, size, stride, offset=0):
    out = np.array(x)  # contiguous
    bytes_ = tuple(s * out.itemsize for s in stride)
    np.lib.stride_tricks.as_strided(out.reshape(-1)[offset:], size, bytes_)[...] = y
    return out


case(
    "as_strided_scatter",
    _as_strided_scatter,
    lambda t: [
        S(t(3, 4), t(3, 2), (3, 2), (4, 2)),
        S(t(3, 4), t(2, 2), (2, 2), (1, 4), 3),
        S(t(2, 3), t(), (), (), 4),
    ],
    types=ALL,
    wrong=lambda t: [
        Wrong(S(t(3, 4), t(2), (3,), (1,)), (ValueError, RuntimeError), "siz|shape"),
        Wrong(S(t(3, 4), t(3), (3,), (9,)), (ValueError, RuntimeError), "stor|reach"),
    ],
)
