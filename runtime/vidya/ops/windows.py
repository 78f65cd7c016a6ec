"""Windows for spectra: hann, hamming, blackman, bartlett, kaiser. Made in float64 on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import as_dtype, default_float
from ..engine.from_host import tensor

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(
    name: str, n: int, periodic: bool, shape: Callable, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:

    kind = default_float() if dtype is None else as_dtype(dtype)
    if not kind.is_floating_point:
        raise TypeError(f"{name}: takes a floating dtype, not {kind.name}")
    if n < 0:
        raise ValueError(f"{name}: window_length must not be negative, got {n}")
    steps = n if periodic else n - 1
    values = np.ones(n) if n <= 1 else shape(np.arange(n) / steps)
    return tensor(values, dtype=kind, device=device, requires_grad=requires_grad)


def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """(1 - cos(2 pi i / N)) / 2; N is the length, or one less if not periodic. [window_length]"""
    return hamming_window(
        window_length, periodic, 0.5, 0.5, dtype=dtype, device=device, requires_grad=requires_grad
    )


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - beta cos(2 pi i / N). [window_length]"""

    def shape(t: np.ndarray) -> np.ndarray:
        return alpha - beta * np.cos(2 * np.pi * t)

    return _window("hamming_window", window_length, periodic, shape, dtype, device, requires_grad)


def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """0.42 - 0.5 cos(2 pi i / N) + 0.08 cos(4 pi i / N). [window_length]"""

    def shape(t: np.ndarray) -> np.ndarray:
        return 0.42 - 0.5 * np.cos(2 * np.pi * t) + 0.08 * np.cos(4 * np.pi * t)

    return _window("blackman_window", window_length, periodic, shape, dtype, device, requires_grad)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A triangle: 1 - |2 i / N - 1|. [window_length]"""

    def shape(t: np.ndarray) -> np.ndarray:
        return 1 - np.abs(2 * t - 1)

    return _window("bartlett_window", window_length, periodic, shape, dtype, device, requires_grad)


def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """i0(beta sqrt(1 - (2 i / N - 1)^2)) / i0(beta). [window_length]"""

    def shape(t: np.ndarray) -> np.ndarray:
        return np.i0(beta * np.sqrt(np.maximum(1 - (2 * t - 1) ** 2, 0))) / np.i0(beta)

    return _window("kaiser_window", window_length, periodic, shape, dtype, device, requires_grad)
