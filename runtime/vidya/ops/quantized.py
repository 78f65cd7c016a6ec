"""Products with weights kept as 8- or 4-bit integers in groups that share a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import dtypes
from ..schema import op
from .bits import bitwise_and, bitwise_right_shift
from .layout import cat
from .linalg import linear
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor

GROUPS = (32, 64, 128)


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

    8 bits: weight is int8 [N, K]. 4 bits: uint8 [N, K / 2]; of every 64 weights the first 32 are
    the low nibbles of 32 bytes, the others the high ones, and q is a nibble less 8. scale and
    zero [N, K / group] belong to `group` neighbours.
    """
    k = _check(weight, scale, zero, bits, group)
    n, wide = weight.shape[0], accumulation(scale.dtype)
    if bits == 8:
        q = cast_to(weight, wide)
    else:
        bytes_ = weight.reshape((n, k // 64, 32))
        q = cat([bitwise_and(bytes_, 15), bitwise_right_shift(bytes_, 4)], -1)
        q = cast_to(q, wide) - 8.0
    q = q.reshape((n, k // group, group)) * cast_to(scale, wide).unsqueeze(-1)
    if zero is not None:
        q = q + cast_to(zero, wide).unsqueeze(-1)
    return q.reshape((n, k))


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
        gb = g.reshape((-1, g.shape[-1])).sum(0) if ctx.needs[4] else None
        return gx, None, None, None, gb

    return back
