"""The fft extension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import fft as _f
from ..tensor import Tensor
from .operands import array

__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft",
    "irfftn", "rfft", "rfftfreq", "rfftn",
]  # fmt: skip


def _line(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = function.__name__

    def transform(
        x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward"
    ) -> Tensor:
        return function(array(name, x), n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = function.__doc__
    return transform


def _box(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    name = function.__name__

    def transform(
        x: Tensor,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: str = "backward",
    ) -> Tensor:
        return function(array(name, x), s, axes, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = function.__doc__
    return transform


fft, ifft, rfft, irfft = map(_line, (_f.fft, _f.ifft, _f.rfft, _f.irfft))
hfft, ihfft = map(_line, (_f.hfft, _f.ihfft))
fftn, ifftn, rfftn, irfftn = map(_box, (_f.fftn, _f.ifftn, _f.rfftn, _f.irfftn))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of fft's results."""
    return _f.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of rfft's results."""
    return _f.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """Frequency 0 moved to the middle."""
    return _f.fftshift(array("fftshift", x), axes)


def ifftshift(x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of fftshift."""
    return _f.ifftshift(array("ifftshift", x), axes)
