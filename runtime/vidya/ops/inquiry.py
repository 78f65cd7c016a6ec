"""Questions about tensors and types, and small ways of writing what other ops do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import _core, dtypes
from .create import arange, count_like
from .layout import reshape
from .parts import split
from .rules import accumulation
from .rules import broadcast_shapes as _broadcast
from .scan import trapezoid

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "broadcast_shapes", "can_cast", "corrcoef", "cov", "detach", "fill", "is_complex", "is_conj",
    "is_floating_point", "is_neg", "is_nonzero", "is_same_size", "is_signed", "is_tensor",
    "mvlgamma", "renorm", "resolve_conj", "resolve_neg", "result_type", "split_with_sizes",
    "trapz", "unravel_index",
]  # fmt: skip

trapz = trapezoid


# ---- questions ----


def is_tensor(obj: Any) -> bool:
    """Is it a Tensor?"""
    return isinstance(obj, _core.TensorBase)


def is_floating_point(input: Tensor) -> bool:
    """Is its dtype a real float?"""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Is its dtype complex?"""
    return input.dtype.is_complex


def is_signed(input: Tensor) -> bool:
    """Has its dtype negative numbers?"""
    return input.dtype.is_signed


def is_conj(input: Tensor) -> bool:
    """Is its conjugation put off? Never: conj computes."""
    return False


def is_neg(input: Tensor) -> bool:
    """Is its sign put off? Never: imag and conj compute."""
    return False


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Have both the same shape?"""
    return input.shape == other.shape


def is_nonzero(input: Tensor) -> bool:
    """Is its single element not 0? ValueError for any other number of elements."""
    if input.numel() != 1:
        raise ValueError(f"is_nonzero: needs one element, got {tuple(input.shape)}")
    return bool(input.item())


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to. ValueError if they do not."""
    tuples = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    return _broadcast("broadcast_shapes", *tuples) if tuples else ()


def can_cast(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """May a result of one dtype be written into a tensor of the other (as out=)?"""
    have, want = dtypes.as_dtype(from_), dtypes.as_dtype(to)
    if want.category == dtypes.BOOL:
        return have is want
    return have.category <= want.category or (have.is_integer and want.is_integer)


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype that an operation of two tensors or numbers has."""
    from .rules import result_type as of

    if not (is_tensor(tensor1) or is_tensor(tensor2)):
        return dtypes.promote_types(*(dtypes.as_dtype(type(v)) for v in (tensor1, tensor2)))
    pair: list[Any] = [v if is_tensor(v) else _Weak(v) for v in (tensor1, tensor2)]
    return of(*pair)


class _Weak:
    """A Python number, as promotion sees it."""

    _weak, ndim = True, 0

    def __init__(self, number: Any) -> None:
        self.dtype = dtypes.as_dtype(type(number))


# ---- other ways of writing ----


def detach(input: Tensor) -> Tensor:
    """The same memory without history."""
    return input.detach()


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: conjugates are computed at once here."""
    return input


def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself: negatives are computed at once here."""
    return input


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like input, every element `value` (a number or a 0-d tensor)."""
    if is_tensor(value):
        return value.to(input.dtype).expand(input.shape).clone()
    return input.new_full(input.shape, value)


def split_with_sizes(x: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of those sizes along dim."""
    return split(x, list(split_sizes), dim)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, one tensor per dim, of indices into a flattened tensor of that shape."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    found, rest = [], indices.long()
    for size in reversed(sizes):
        found.append(rest.remainder(size))
        rest = rest.floor_divide(size)
    return tuple(reversed(found))


# ---- small formulas ----


def cov(
    input: Tensor,
    *,
    correction: int = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """The covariances of the variables in the rows of input [V, N], [V, V]; [] of one row or [N].

    fweights: how often each column counts (integers); aweights: its weight.
    """
    if input.ndim > 2:
        raise ValueError(f"cov: takes at most 2 dims, got {tuple(input.shape)}")
    x = input if input.ndim == 2 else reshape(input, (1, -1))
    x = x if x.dtype.category >= dtypes.FLOAT else x.to(dtypes.get_default_dtype())
    n = x.shape[1]
    weights = count_like(x, n, 1, 0, x.dtype.to_real())
    if fweights is not None and not fweights.dtype.is_integer:
        raise TypeError(f"cov: fweights are counts, integers, not {fweights.dtype.name}")
    for given in (fweights, aweights):
        if given is not None:
            if given.shape != (n,):
                raise ValueError(f"cov: weights must be [{n}], got {tuple(given.shape)}")
            weights = weights * given
    total = weights.sum()
    if aweights is None:
        norm = total - correction
    else:
        norm = total - correction * (weights * aweights).sum() / total
    centered = x - (x * weights).sum(1, True) / total
    out = (centered * weights) @ centered.conj().mT / norm.clamp(0)
    return out if x.shape[0] != 1 else reshape(out, ())


def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlations of the variables in the rows of input [V, N]. [V, V]"""
    c = cov(input)
    if not c.ndim:
        return c / c
    spread = c.diagonal().real.sqrt()
    return c / spread.unsqueeze(1) / spread.unsqueeze(0)


def renorm(x: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """x with every slice along dim whose p-norm exceeds maxnorm scaled down to it."""
    from .magnitude import vector_norm

    dims = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    norms = vector_norm(x, p, dims, True)
    return x * (maxnorm / (norms + 1e-7)).clamp(max=1.0)


def mvlgamma(x: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension p."""
    from .gamma import lgamma

    if p < 1:
        raise ValueError(f"mvlgamma: p must be at least 1, got {p}")
    given = x.dtype if x.dtype.category >= dtypes.FLOAT else dtypes.get_default_dtype()
    wide = x.to(accumulation(given))
    terms = lgamma(wide.unsqueeze(-1) - arange(p, dtype=wide.dtype, device=x.device) * 0.5)
    return (terms.sum(-1) + p * (p - 1) / 4 * math.log(math.pi)).to(given)
