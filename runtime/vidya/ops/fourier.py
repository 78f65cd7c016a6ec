"""The discrete Fourier transform of one dim: three ops that are each other's gradients.

None is normalised. By matrix products of square-root size (Cooley and Tukey, 1965; a prime length
by one product, a long one by Bluestein's chirp, 1970), so that any device has them; a backend may
have a faster kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import dtypes
from ..schema import op
from .complex import conj, view_as_complex
from .create import count_like, full
from .elementwise import where
from .layout import cat
from .pad import pad_constant
from .rules import Dim, cast_to, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

_DIRECT = 64  # up to this length one matrix product is best
_PRIME = 512  # and up to this one for lengths that do not split


def roots(n: int, rows: Tensor, columns: Tensor, sign: int, type_: dtypes.dtype) -> Tensor:
    """exp(sign 2 pi i rows * columns / n); the product is reduced exactly, as integers."""
    turns = (rows * columns).remainder(n)
    turns = where(turns * 2 > n, turns - n, turns)
    real = type_.to_real()
    angle = cast_to(turns, real) * (sign * 2 * math.pi / n)
    return view_as_complex(cat([angle.cos().unsqueeze(-1), angle.sin().unsqueeze(-1)], -1))


def _split(n: int) -> int:
    """The divisor of n that is nearest to its square root from below; 1 for a prime."""
    return next(d for d in range(math.isqrt(n), 0, -1) if n % d == 0)


def _transform(x: Tensor, sign: int) -> Tensor:
    """The transform of the last dim of complex x."""
    n = x.shape[-1]
    a = _split(n)
    if n <= _DIRECT or (a == 1 and n <= _PRIME):
        k = count_like(x, n)
        return x @ roots(n, k.reshape((n, 1)), k.reshape((1, n)), sign, x.dtype)
    if a < 8 and n > _PRIME and n // a > _PRIME:
        return _chirp(x, sign)
    b = n // a  # x[j1 b + j2] -> X[k1 + a k2]
    lead = x.shape[:-1]
    ka, kb = count_like(x, a), count_like(x, b)
    outer = _transform(x.reshape((*lead, a, b)).transpose(-1, -2), sign)  # [..., j2, k1]
    outer = outer * roots(n, kb.reshape((b, 1)), ka.reshape((1, a)), sign, x.dtype)
    inner = _transform(outer.transpose(-1, -2), sign)  # [..., k1, k2]
    return inner.transpose(-1, -2).reshape((*lead, n))


def _chirp(x: Tensor, sign: int) -> Tensor:
    """Bluestein: jk = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution."""
    n = x.shape[-1]
    m = 1 << (2 * n - 2).bit_length()
    k = count_like(x, n)
    wave = roots(2 * n, k, k, sign, x.dtype)  # exp(sign pi i k^2 / n)
    other = conj(wave)
    back = other.narrow(-1, 1, n - 1).index_select(0, count_like(x, n - 1, n - 2, -1))
    gap = full((m - 2 * n + 1,), 0, x.dtype, x.device)
    filter_ = _transform(cat([other, gap, back], 0), -1)
    padded = pad_constant(x * wave, (0, m - n), 0)
    product = _transform(padded, -1) * filter_
    return _transform(product, 1).narrow(-1, 0, n) * wave * (1.0 / m)


def _check(name: str, x: Tensor, dim: int, complex_: bool) -> int:
    if x.dtype.is_complex is not complex_ or x.dtype.category < dtypes.FLOAT:
        raise TypeError(
            f"{name}: takes {'complex' if complex_ else 'floating'} tensors, not {x.dtype.name}"
        )
    if not complex_ and x.dtype not in (dtypes.float32, dtypes.float64):
        raise TypeError(f"{name}: takes float32 or float64, not {x.dtype.name}")
    axis = wrap_dim(name, dim, x.ndim)
    if not x.ndim or not x.shape[axis]:
        raise ValueError(f"{name}: {tuple(x.shape)} has no elements along dim {dim}")
    return axis


@op("fft_c2c")
def fft_c2c(x: Tensor, dim: Dim, inverse=False) -> Tensor:
    """X[k] = sum over j of x[j] exp(-2 pi i jk / n) along `dim`; + if inverse. Both complex."""
    axis = _check("fft_c2c", x, dim, True)
    return _transform(x.movedim(axis, -1), 1 if inverse else -1).movedim(-1, axis)


@fft_c2c.pullback(saves="")
def _(ctx, x, dim, inverse):
    return lambda g: fft_c2c(g, dim, not inverse)


@op("fft_r2c")
def fft_r2c(x: Tensor, dim: Dim) -> Tensor:
    """The first n / 2 + 1 numbers of the transform of a real x; the others are their conjugates."""
    axis = _check("fft_r2c", x, dim, False)
    n = x.shape[axis]
    whole = _transform(cast_to(x, x.dtype.to_complex()).movedim(axis, -1), -1)
    return whole.narrow(-1, 0, n // 2 + 1).movedim(-1, axis)


@fft_r2c.pullback(saves="")
def _(ctx, x, dim):
    def back(g):  # g at the frequencies that were kept, 0 elsewhere; the real part
        axis = dim % g.ndim
        missing = x.shape[axis] - g.shape[axis]
        pads = (0, 0) * (g.ndim - 1 - axis) + (0, missing)
        return fft_c2c(pad_constant(g, pads, 0), axis, True).real

    return back


@op("fft_c2r")
def fft_c2r(x: Tensor, dim: Dim, n) -> Tensor:
    """The real sum over k of X[k] exp(2 pi i jk / n), given X[0 .. n / 2]; X[-k] is conj(X[k]).

    The imaginary parts of X[0] and, for even n, X[n / 2] do not count.
    """
    axis = _check("fft_c2r", x, dim, True)
    half = n // 2 + 1
    if n < 1 or x.shape[axis] != half:
        raise ValueError(
            f"fft_c2r: dim {dim} of {tuple(x.shape)} must have {half} elements for n = {n}"
        )
    x = x.movedim(axis, -1)
    rest = n - half
    if rest:
        mirrored = x.index_select(-1, count_like(x, rest, rest, -1))
        x = cat([x, conj(mirrored)], -1)
    return _transform(x, 1).real.movedim(-1, axis)


@fft_c2r.pullback(saves="")
def _(ctx, x, dim, n):
    def back(g):
        axis = dim % g.ndim
        half = n // 2 + 1
        once = fft_r2c(g, axis)
        k = count_like(g, half)
        twice = (k > 0) & (k * 2 < n)
        scale = where(twice, 2.0, 1.0).to(g.dtype)
        return once * scale.reshape((half, *(1,) * (g.ndim - 1 - axis)))

    return back
