"""Filling parameters with their first values, in place.  Each returns its tensor.

Draws come from vidya's generator, so `vidya.manual_seed(s)` fixes them on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..dtypes import float32
from ..engine.grad_modes import no_grad
from ..functions.matrices import qr
from ..ops.create import eye
from ..ops.elementwise import where
from ..ops.rules import accumulation
from ..random import rand_like, randn, randn_like
from ..tensor import Tensor

_skipping = ContextVar("skipping", default=False)


@contextmanager
def no_init() -> Iterator[None]:
    """Layers made within draw no first values: their weights are whatever memory held.

    For models whose weights are loaded right after; drawing can take longer than loading.
    Constants, such as the ones of a norm, are still set.
    """
    before = _skipping.set(True)
    try:
        yield
    finally:
        _skipping.reset(before)


def constant_(tensor: Tensor, value: float) -> Tensor:
    """Every element `value`."""
    with no_grad():
        return tensor.fill_(value)


def zeros_(tensor: Tensor) -> Tensor:
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    return constant_(tensor, 1.0)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Uniform in [a, b)."""
    if _skipping.get():
        return tensor
    with no_grad():
        draw = rand_like(tensor)
        return tensor.copy_(draw * (b - a) + a)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """N(mean, std^2)."""
    if _skipping.get():
        return tensor
    with no_grad():
        draw = randn_like(tensor)
        return tensor.copy_(draw * std + mean)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0
) -> Tensor:
    """N(mean, std^2) given that the value lies in [a, b] (absolute bounds, as in PyTorch).

    Rejection sampling: what falls outside is drawn again.
    """
    if not a < b:
        raise ValueError(f"trunc_normal_ needs a < b, not a={a} and b={b}")
    inside = _phi((b - mean) / std) - _phi((a - mean) / std)
    if inside < 0.01:
        raise ValueError(
            f"trunc_normal_: only {inside:.1e} of N({mean}, {std}^2) lies in [{a}, {b}]; "
            "widen the bounds"
        )
    if _skipping.get():
        return tensor
    with no_grad():
        normal_(tensor, mean, std)
        while bool((outside := (tensor < a) | (tensor > b)).any()):
            draw = randn_like(tensor)
            tensor.copy_(where(outside, draw * std + mean, tensor))
        return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """U(-b, b), b = gain sqrt(6 / (fan_in + fan_out)).  (Glorot and Bengio 2010)"""
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)).  (Glorot and Bengio 2010)"""
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """U(-b, b), b = gain sqrt(3 / fan).  (He et al. 2015)"""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"
) -> Tensor:
    """N(0, s^2), s = gain / sqrt(fan).  (He et al. 2015)"""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """Rows (columns, if there are more rows) at right angles, of length gain. (Saxe et al. 2014)

    A weight [out, ...] is taken as a matrix [out, the rest].
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs 2 or more dims, not {list(tensor.shape)}")
    if _skipping.get() or not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        size = max(rows, columns), min(rows, columns)
        tall = randn(*size, dtype=accumulation(tensor.dtype), device=tensor.device)
        q, r = qr(tall)
        q = q * r.diagonal().sign()  # else it would not be uniform among all rotations
        square = q if rows >= columns else q.mT
        return tensor.copy_((square * gain).reshape(tensor.shape))


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as it goes."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ needs a matrix, not {list(tensor.shape)}")
    with no_grad():
        return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight [out, in, *kernel] that passes on as many channels as it can."""
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError(
            f"dirac_ needs a weight of 3 to 5 dims whose first {groups} divide, "
            f"not {list(tensor.shape)}"
        )
    each = tensor.shape[0] // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(each, tensor.shape[1])):
                tensor[(group * each + channel, channel, *centre)] = 1
        return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01) -> Tensor:
    """N(0, std^2), but for a share `sparsity` of every column that is 0. (Martens 2010)"""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ needs a matrix, not {list(tensor.shape)}")
    if _skipping.get():
        return tensor
    rows = tensor.shape[0]
    with no_grad():
        order = rand_like(tensor, dtype=float32).argsort(0).argsort(0)
        normal_(tensor, 0.0, std)
        return tensor.masked_fill_(order < math.ceil(sparsity * rows), 0.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a non-linearity shrinks a signal of unit variance, inverted."""
    slope = 0.01 if param is None else param
    gains = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1 + slope**2)),
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        raise ValueError(f"unknown non-linearity {nonlinearity!r}; one of {', '.join(gains)}")
    return gains[nonlinearity]


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode is 'fan_in' or 'fan_out', not {mode!r}")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(1, fan))


def _fans(tensor: Tensor) -> tuple[int, int]:
    """(inputs, outputs) per unit of a weight [out, in, *kernel]."""
    if len(tensor.shape) < 2:
        raise ValueError(
            f"this init needs a weight of 2 or more dimensions, not {list(tensor.shape)}"
        )
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _phi(x: float) -> float:
    """The standard normal distribution function."""
    return (1 + math.erf(x / math.sqrt(2))) / 2
