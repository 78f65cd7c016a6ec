"""Complex numbers: their parts, and making them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import dtypes
from ..engine import trace as tracing
from ..schema import VIEW, op
from .elementwise import (
    atan2,
    where,
)
from .layout import cat
from .rules import as_floating, broadcast_shapes, kernel
from .slices import slice_
from .unary import isnan

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "angle", "complex", "conj", "imag", "polar", "real", "view_as_complex", "view_as_real",
]  # fmt: skip


@op("complex_view", VIEW)
def view_as_complex(x: Tensor) -> Tensor:
    """[..., 2] floats (real, imaginary) as [...] complex; the last dim must be contiguous."""
    if x.ndim == 0 or x.shape[-1] != 2 or x.dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(
            f"view_as_complex: needs float32 or float64 [..., 2], got {tuple(x.shape)}"
        )
    return kernel(
        "complex_view", [tracing.current().contiguous(x)], x.shape[:-1], x.dtype.to_complex()
    )


@view_as_complex.pullback(saves="")
def _(ctx, x):
    return lambda g: view_as_real(g)


@op("real_view", VIEW)
def view_as_real(x: Tensor) -> Tensor:
    """[...] complex as [..., 2] floats: real and imaginary parts."""
    if not x.dtype.is_complex:
        raise TypeError(f"view_as_real: needs a complex tensor, not {x.dtype.name}")
    return kernel("real_view", [x], (*x.shape, 2), x.dtype.to_real())


@view_as_real.pullback(saves="")
def _(ctx, x):
    return lambda g: view_as_complex(g)


@op("conj", fusable=False)
def conj(x: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    if not x.dtype.is_complex:
        return x
    parts = view_as_real(x)
    n = x.ndim
    re = slice_(parts, (0,) * (n + 1), (*x.shape, 1), (1,) * (n + 1))
    im = slice_(parts, (0,) * n + (1,), (*x.shape, 1), (1,) * (n + 1))
    return view_as_complex(cat([re, -im], n))


def real(x: Tensor) -> Tensor:
    """The real part; a real tensor itself."""
    return view_as_real(x).select(-1, 0) if x.dtype.is_complex else x


def imag(x: Tensor) -> Tensor:
    """The imaginary part; TypeError for a real tensor."""
    if not x.dtype.is_complex:
        raise TypeError(f"imag: takes a complex tensor, not {x.dtype.name}")
    return view_as_real(x).select(-1, 1)


@op("angle", fusable=False)
def angle(x: Tensor) -> Tensor:
    """The angle of a complex x in radians; for a real one 0, pi where it is negative."""
    if x.dtype.is_complex:
        return atan2(imag(x), real(x))
    x = as_floating(x)
    return where(isnan(x), x, where(x < 0, math.pi, 0.0 * x.sign()))


@angle.pullback
def _(ctx, x):
    def back(g):
        if not x.dtype.is_complex:
            return g * 0
        size = x.abs()
        zero = size == 0
        unit = x / where(zero, 1.0, size * size)
        return complex(-imag(unit) * g, real(unit) * g)

    return back


@op("complex", fusable=False)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i imag, of two float32 or two float64 tensors."""
    if real.dtype is not imag.dtype or real.dtype not in (dtypes.float32, dtypes.float64):
        raise TypeError(
            "complex: both parts must be float32 or both float64, not "
            f"{real.dtype.name} and {imag.dtype.name}"
        )
    shape = broadcast_shapes("complex", real.shape, imag.shape)
    n = len(shape)
    parts = [t.expand(shape).unsqueeze(n) for t in (real, imag)]
    return view_as_complex(cat(parts, n))


@op("polar", fusable=False)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """abs e^(i angle), of two float32 or two float64 tensors."""
    return complex(abs * angle.cos(), abs * angle.sin())
