"""vidya.fft: discrete Fourier transforms, with PyTorch's names and arguments.

norm: "backward" (the inverse is divided by n), "forward" (the forward is), "ortho" (both by the
square root of n). n or s: the sizes of the signal; it is cut or filled with zeros to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import dtypes
from .calls.arguments import explain
from .ops.arrange import roll
from .ops.complex import conj
from .ops.create import arange
from .ops.fourier import fft_c2c, fft_c2r, fft_r2c
from .ops.pad import pad_constant
from .ops.rules import wrap_dim
from .tensor import Tensor

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2",
    "ifftn", "ifftshift", "ihfft", "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft",
    "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_NORMS = ("backward", "ortho", "forward")
Sizes = Sequence[int] | None


def _scaled(x: Tensor, n: int, norm: str | None, inverse: bool) -> Tensor:
    norm = norm or "backward"
    if norm == "ortho":
        return x * (1 / math.sqrt(n))
    return x * (1 / n) if (norm == "backward") is inverse else x


def _fitted(name: str, x: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    """x cut or zero-filled to n elements along dim; all arguments are checked here."""
    if norm is not None and norm not in _NORMS:
        raise ValueError(f"{name}: norm is one of {', '.join(_NORMS)}, not {norm!r}")
    axis = wrap_dim(name, dim, x.ndim)
    if x.ndim == 0:
        raise ValueError(f"{name}: needs at least one dim")
    if n is None:
        n = x.shape[axis]
    if n < 1:
        raise ValueError(f"{name}: the size along dim {dim} must be positive, not {n}")
    if n == x.shape[axis]:
        return x
    return pad_constant(x, (0, 0) * (x.ndim - 1 - axis) + (0, n - x.shape[axis]), 0)


def _floating(x: Tensor) -> Tensor:
    return x if x.dtype.category >= dtypes.FLOAT else x.to(dtypes.get_default_dtype())


def _complex(x: Tensor) -> Tensor:
    return x if x.dtype.is_complex else _floating(x).to(_floating(x).dtype.to_complex())


def _real(name: str, x: Tensor) -> Tensor:
    if x.dtype.is_complex:
        raise TypeError(f"{name}: takes real tensors, not {x.dtype.name}; use fft")
    return _floating(x)


# ---- one dim ----


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """X[k] = sum over j of x[j] exp(-2 pi i jk / n) along dim; complex."""
    x = _complex(_fitted("fft", input, n, dim, norm))
    return _scaled(fft_c2c(x, dim, False), x.shape[dim], norm, False)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of fft."""
    x = _complex(_fitted("ifft", input, n, dim, norm))
    return _scaled(fft_c2c(x, dim, True), x.shape[dim], norm, True)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of a real signal: the n / 2 + 1 frequencies that are not conjugates of others."""
    x = _fitted("rfft", _real("rfft", input), n, dim, norm)
    return _scaled(fft_r2c(x, dim), x.shape[dim], norm, False)


def _signal(name: str, x: Tensor, n: int | None, dim: int, norm: str | None) -> tuple[Tensor, int]:
    size = x.shape[wrap_dim(name, dim, x.ndim)] if x.ndim else 1
    n = 2 * (size - 1) if n is None else n
    if n < 1:
        raise ValueError(f"{name}: the size along dim {dim} must be positive, not {n}")
    return _complex(_fitted(name, x, n // 2 + 1, dim, norm)), n


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of rfft: n real numbers (2 (size - 1) if not given)."""
    x, n = _signal("irfft", input, n, dim, norm)
    return _scaled(fft_c2r(x, dim, n), n, norm, True)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of a signal that equals its reversed conjugate, of which half is given; real."""
    x, n = _signal("hfft", input, n, dim, norm)
    return _scaled(fft_c2r(conj(x), dim, n), n, norm, False)


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of hfft."""
    x = _fitted("ihfft", _real("ihfft", input), n, dim, norm)
    return _scaled(conj(fft_r2c(x, dim)), x.shape[dim], norm, True)


# ---- several dims ----


def _dims(name: str, x: Tensor, s: Sizes, dim: Any) -> tuple[list[int], list[int | None]]:
    """The dims and their sizes (None: as they are; -1 too)."""
    if isinstance(dim, int):
        dim = (dim,)
    if isinstance(s, int):
        s = (s,)
    for what, value in (("dim", dim), ("s", s)):
        if value is not None and not isinstance(value, (tuple, list)):
            raise TypeError(f"{name}: {what} must be an int or a sequence of ints, not {value!r}")
    if dim is None:
        count = x.ndim if s is None else len(s)
        dim = tuple(range(x.ndim - count, x.ndim))
    axes = [wrap_dim(name, d, x.ndim) for d in dim]
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: dim {tuple(dim)} names a dim twice")
    if s is not None and len(s) != len(axes):
        raise ValueError(f"{name}: s {tuple(s)} must have one size per dim {tuple(dim)}")
    sizes: list[int | None] = [None] * len(axes)
    if s is not None:
        sizes = [None if v == -1 else v for v in s]
    return axes, sizes


def fftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """fft along several dims (all if not given, the last len(s) with s)."""
    axes, sizes = _dims("fftn", input, s, dim)
    for axis, n in zip(axes, sizes, strict=True):
        input = fft(input, n, axis, norm)
    return input if axes else _complex(input)


def ifftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of fftn."""
    axes, sizes = _dims("ifftn", input, s, dim)
    for axis, n in zip(axes, sizes, strict=True):
        input = ifft(input, n, axis, norm)
    return input if axes else _complex(input)


def rfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """fftn of real numbers: half of the last of the dims."""
    axes, sizes = _some("rfftn", input, s, dim)
    return fftn(rfft(input, sizes[-1], axes[-1], norm), _known(sizes), axes[:-1], norm)


def irfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of rfftn."""
    axes, sizes = _some("irfftn", input, s, dim)
    return irfft(ifftn(input, _known(sizes), axes[:-1], norm), sizes[-1], axes[-1], norm)


def hfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """hfft along the last of several dims, fft along the others."""
    axes, sizes = _some("hfftn", input, s, dim)
    return hfft(fftn(input, _known(sizes), axes[:-1], norm), sizes[-1], axes[-1], norm)


def ihfftn(input: Tensor, s: Sizes = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of hfftn."""
    axes, sizes = _some("ihfftn", input, s, dim)
    return ifftn(ihfft(input, sizes[-1], axes[-1], norm), _known(sizes), axes[:-1], norm)


def _some(name: str, x: Tensor, s: Sizes, dim: Any) -> tuple[list[int], list[int | None]]:
    axes, sizes = _dims(name, x, s, dim)
    if not axes:
        raise ValueError(f"{name}: needs at least one dim to transform")
    return axes, sizes


def _known(sizes: list[int | None]) -> list[int]:
    return [-1 if n is None else n for n in sizes[:-1]]


def _two(function: Any) -> Any:
    def transform(
        input: Tensor, s: Sizes = None, dim: Any = (-2, -1), norm: str | None = None
    ) -> Tensor:
        return function(input, s, dim, norm)

    name = function.__name__[:-1] + "2"
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"{function.__name__} along two dims, the last two if not given."
    return transform


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(_two, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn))


# ---- frequencies ----


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of fft's results: 0, 1, ..., -1, divided by n d. [n]"""
    _positive("fftfreq", n, d)
    k = arange(n, device=device)
    k = k - (k >= (n + 1) // 2).to(k.dtype) * n
    return k.to(dtypes.as_dtype(dtype or dtypes.get_default_dtype())) * (1.0 / (n * d))


def _positive(name: str, n: int, d: float) -> None:
    if n < 1 or d == 0:
        raise ValueError(f"{name}: n must be positive and d not 0, got n = {n}, d = {d}")


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of rfft's results: 0, 1, ..., n / 2, divided by n d."""
    _positive("rfftfreq", n, d)
    type_ = dtypes.as_dtype(dtype or dtypes.get_default_dtype())
    return arange(n // 2 + 1, device=device).to(type_) * (1.0 / (n * d))


def _shifted(name: str, x: Tensor, dim: Any, sign: int) -> Tensor:
    axes, _ = _dims(name, x, None, dim)
    for axis in axes:
        n = x.shape[axis]
        x = roll(x, n // 2 if sign > 0 else -(n // 2), axis)
    return x


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """Frequency 0 moved to the middle, along dim (all if not given)."""
    return _shifted("fftshift", input, dim, 1)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of fftshift."""
    return _shifted("ifftshift", input, dim, -1)


explain(globals(), __all__, out=True)
