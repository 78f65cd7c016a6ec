"""Products with weights kept as 8- or 4-bit integers in groups that share a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import dtypes
from ..schema import op
from .bits import bitwise_and, bitwise_right_shift
from .layout import cat
from .linalg import linear, rows_of
from .parts import narrow
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor

GROUPS = (32, 64, 128)
BLOCK = 16  # rows of weights that lie side by side


def _check(weight: Tensor, scale: Tensor, zero: Tensor | None, bits: int, group: int) -> int:
    """The weight's second size K. Raises ValueError or TypeError where things do not fit."""
    if bits not in (4, 8) or group not in GROUPS:
        raise ValueError(f"quantized: bits {bits} and group {group}: 4 or 8, and one of {GROUPS}")
    stored = dtypes.int8 if bits == 8 else dtypes.uint8
    if weight.dtype is not stored:
        raise TypeError(f"quantized: {bits} bits are stored as {stored.name}, not as "
                        f"{weight.dtype.name}: take what vidya.quantize gives")  # fmt: skip
    if weight.ndim != 2:
        raise ValueError(f"quantized: weight {tuple(weight.shape)} must be [N, K * bits / 8]")
    k = weight.shape[1] * 8 // bits
    for x in (scale,) if zero is None else (scale, zero):
        if k % 64 or k % group or tuple(x.shape) != (weight.shape[0], k // group):
            raise ValueError(
                f"quantized: weight {tuple(weight.shape)} and scale {tuple(x.shape)} do not fit "
                f"groups of {group}: K must be a multiple of it and of 64, scale [N, K / {group}]"
            )
    return k


@op("dequantize", differentiable=False)
def dequantize(
    weight: Tensor, scale: Tensor, zero: Tensor | None = None, bits=8, group=32
) -> Tensor:
    """The weights q * scale + zero as floats of accumulation's width. [N, K]

    All lie in blocks of 16 rows, the last one with those that are left. 8 bits: weight is int8
    [N, K]; 4 neighbours of each row of the block, then the next 4 of each. 4 bits: uint8
    [N, K / 2]; of every 8 neighbours in a row come 4 bytes, the first 4 weights in their low
    nibbles and the others in the high ones; these of all rows of the block, then of the next 8
    neighbours. q is a nibble less 8. scale and zero [N, K / group] belong to `group` neighbours,
    those of all rows of a block side by side.
    """
    k = _check(weight, scale, zero, bits, group)
    n, wide = weight.shape[0], accumulation(scale.dtype)
    words = _rows(weight, 4)
    if bits == 8:
        q = cast_to(words, wide)
    else:
        words = words.reshape((n, k // 8, 1, 4))
        both = cat([bitwise_and(words, 15), bitwise_right_shift(words, 4)], 2)
        q = cast_to(both, wide) - 8.0
    scale, zero = _rows(scale, 1), None if zero is None else _rows(zero, 1)
    q = q.reshape((n, k // group, group)) * cast_to(scale, wide).unsqueeze(-1)
    if zero is not None:
        q = q + cast_to(zero, wide).unsqueeze(-1)
    return q.reshape((n, k))


def _rows(x: Tensor, unit: int) -> Tensor:
    """What lies in blocks of rows [N, C], `unit` neighbours of a row at a time -> row after row."""
    n, c = x.shape
    full = n // BLOCK * BLOCK
    parts = [
        narrow(x, 0, first, count)
        .reshape((count // max(1, rows), c // unit, rows, unit))
        .permute((0, 2, 1, 3))
        .reshape((count, c))
        for first, count, rows in ((0, full, BLOCK), (full, n - full, n - full))
        if count or not n
    ]
    return cat(parts, 0)


@op("quantized_linear")
def quantized_linear(
    x: Tensor, weight: Tensor, scale: Tensor, zero: Tensor | None = None,
    bias: Tensor | None = None, bits=8, group=32,
) -> Tensor:  # fmt: skip
    """linear(x, dequantize(weight, scale, zero), bias). x [..., K] -> [..., N] in x's dtype.

    A backend may round x to 15-bit integers per group of a row, or the weights to bfloat16 where x
    is that; no coarser.
    """
    k = _check(weight, scale, zero, bits, group)
    if not x.ndim or x.shape[-1] != k:
        raise ValueError(
            f"quantized_linear: x {tuple(x.shape)} does not fit a weight of [{weight.shape[0]}, "
            f"{k}]: x's last size must be {k}"
        )
    full = cast_to(dequantize(weight, scale, zero, bits, group), accumulation(x.dtype))
    wide = None if bias is None else cast_to(bias, full.dtype)
    return cast_to(linear(cast_to(x, full.dtype), full, wide), x.dtype)


@quantized_linear.pullback(saves="weight scale zero")
def _(ctx, x, weight, scale, zero, bias, bits, group):
    def back(g):
        gx = None
        if ctx.needs[0]:
            full = dequantize(weight, scale, zero, bits, group)
            gx = cast_to(cast_to(g, full.dtype) @ full, g.dtype)
        gb = rows_of(g).sum(0) if ctx.needs[4] else None
        return gx, None, None, None, gb

    return back
