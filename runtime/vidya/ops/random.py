"""Random numbers by counter: the same key and offset give the same bits on every device."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import dtypes
from ..schema import PRIMITIVE, op
from .rules import Operand, accumulation, as_sizes, cast_to, kernel

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("random_bits", PRIMITIVE, differentiable=False)
def random_bits(key: Operand, offset: Operand, size, device=None) -> Tensor:
    """uint32 of that shape: word i is word i % 4 of Philox4x32-10 at counter offset + i / 4.

    (Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011)
    """
    scalars = [cast_to(key, dtypes.int64), cast_to(offset, dtypes.int64)]
    return kernel("random_bits", scalars, as_sizes("random_bits", size), dtypes.uint32)


def _unit(bits: Tensor, type_: dtypes.dtype) -> Tensor:
    """24 random bits as a multiple of 2^-24 in [0, 1)."""
    return cast_to(bits >> 8, type_) * 2.0**-24


@op("random_permutation", differentiable=False)
def random_permutation(key: Operand, offset: Operand, n, device=None) -> Tensor:
    """0 to n - 1 in the order of random 63-bit keys, which 2 n words of random bits make."""
    words = cast_to(random_bits(key, offset, (2, n), device), dtypes.int64)
    first, second = words.narrow(0, 0, 1).reshape((n,)), words.narrow(0, 1, 1).reshape((n,))
    return ((first << 31) ^ second).argsort(0)


@op("uniform", differentiable=False)
def uniform(key: Operand, offset: Operand, size, dtype, device=None) -> Tensor:
    """Numbers spread evenly over [0, 1)."""
    wide = accumulation(dtype)
    return cast_to(_unit(random_bits(key, offset, size, device), wide), dtype)


@op("normal", differentiable=False)
def normal(key: Operand, offset: Operand, size, dtype, device=None) -> Tensor:
    """Numbers of the standard normal distribution, by Box and Muller's transform (1958)."""
    shape = as_sizes("normal", size)
    n = math.prod(shape)
    half = (n + 1) // 2
    wide = accumulation(dtype)
    bits = random_bits(key, offset, (2 * half,), device)
    first, second = bits.narrow(0, 0, half), bits.narrow(0, half, half)
    radius = ((1 - _unit(first, wide)).log() * -2).sqrt()  # 1 - u is in (0, 1]: log is finite
    angle = _unit(second, wide) * (2 * math.pi)
    both = _joined(radius * angle.cos(), radius * angle.sin())
    return cast_to(both.narrow(0, 0, n).reshape(shape), dtype)


def _joined(a: Tensor, b: Tensor) -> Tensor:
    from .layout import cat

    return cat([a, b], 0)
