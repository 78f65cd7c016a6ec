"""Weights as small integers, for inference where reading them is what takes the time."""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import vidya

from .. import dtypes
from ..dtypes import dtype
from ..ops.quantized import BLOCK, GROUPS, dequantize, quantized_linear
from ..tensor import Tensor
from .linear import Linear
from .module import Module

_SHARES = (0.95, 0.9, 0.85, 0.8)  # of the scale that reaches the largest weight
_ROWS = 2**24  # weights that are rounded at one time


class Quantized(NamedTuple):
    """A matrix [N, K] as integers in groups: value = integer * scale + zero.

    weight: int8 [N, K], or uint8 [N, K / 2] with two 4-bit integers in a byte; scale and zero (None
    if symmetric): [N, K / group]. All of them lie in blocks of 16 rows, as
    `vidya.ops.quantized.dequantize` says.
    """

    weight: Tensor
    scale: Tensor
    zero: Tensor | None
    bits: int
    group: int

    def dequantize(self) -> Tensor:
        """The values, float32 [N, K]."""
        return dequantize(self.weight, self.scale, self.zero, self.bits, self.group)


class QuantizedLinear(Module):
    """y = x W^T + b with W as `vidya.quantize` stores it.  x: [..., K] -> [..., N]."""

    weight: Tensor
    scale: Tensor
    zero: Tensor | None

    def __init__(self, quantized: Quantized, bias: Tensor | None = None) -> None:
        super().__init__()
        self.bits, self.group = quantized.bits, quantized.group
        self.register_buffer("weight", quantized.weight)
        self.register_buffer("scale", quantized.scale)
        self.register_buffer("zero", quantized.zero)
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return quantized_linear(
            x, self.weight, self.scale, self.zero, self.bias, self.bits, self.group
        )

    def extra_repr(self) -> str:
        n, k = self.weight.shape[0], self.weight.shape[1] * 8 // self.bits
        return (
            f"in_features={k}, out_features={n}, bias={self.bias is not None}, bits={self.bits}, "
            f"group={self.group}, symmetric={self.zero is None}"
        )


def _rounded(parts: Tensor, scale: Tensor, half: int) -> Tensor:
    step = scale.float()
    step = vidya.where(step == 0, vidya.ones_like(step), step)
    return (parts / step).round().clamp(-half, half - 1)


def _finest(parts: Tensor, scale: Tensor, half: int) -> Tensor:
    """Of this scale and smaller ones, which cut the largest weights off, that with the least sum of
    squared errors in each group."""
    best = scale
    least = (parts - _rounded(parts, scale, half) * scale.float()).square().sum(-1, True)
    for share in _SHARES:
        tried = (scale.float() * share).to(scale.dtype)
        error = (parts - _rounded(parts, tried, half) * tried.float()).square().sum(-1, True)
        best = vidya.where(error < least, tried, best)
        least = vidya.minimum(least, error)
    return best


def _integers(w: Tensor, bits: int, group: int, symmetric: bool, stored: dtype) -> Quantized:
    """Rounds to nearest, with the scale (and zero) as they are stored."""
    n, k = w.shape
    half = 2 ** (bits - 1)
    parts = w.float().reshape(n, k // group, group)
    low, high = parts.amin(-1, True), parts.amax(-1, True)
    # a little more than needed, so that the rounded scale still reaches the ends
    wider, zero = 1 + 2.0**-8, None
    if not symmetric:
        zero = (low + (high - low) * (half / (2 * half - 1))).to(stored)
        middle = zero.float()
        reach = vidya.maximum((high - middle) / (half - 1), (middle - low) / half)
        scale = (reach * wider).to(stored)
    elif bits == 8:
        scale = (vidya.maximum(high, -low) * (wider / (half - 1))).to(stored)
    else:  # -8 exists and 8 does not: the largest magnitude becomes -8
        scale = (vidya.where(high > -low, high, low) * (wider / -half)).to(stored)
        scale = _finest(parts, scale, half)
    q = _rounded(parts if zero is None else parts - zero.float(), scale, half)
    if bits == 8:
        weight = _blocks(q.reshape(n, k).to(dtypes.int8), 4)
    else:
        weight = _bytes((q + half).to(dtypes.uint8).reshape(n, k))

    def flat(x: Tensor) -> Tensor:
        return _blocks(x.reshape(n, k // group), 1)

    return Quantized(weight, flat(scale), None if zero is None else flat(zero), bits, group)


def _bytes(q: Tensor) -> Tensor:
    """Integers from 0 to 15 [N, K] as they are stored, [N, K / 2]: see `dequantize`."""
    n, k = q.shape
    words = q.reshape(n, k // 8, 2, 4)
    return _blocks((words.select(2, 0) + words.select(2, 1) * 16).reshape(n, k // 2), 4)


def _blocks(x: Tensor, unit: int) -> Tensor:
    """Rows [N, C] in blocks, `unit` neighbours of each of their rows side by side."""
    n, c = x.shape
    full = n // BLOCK * BLOCK
    parts = [
        part.reshape(-1, rows, c // unit, unit).transpose(1, 2).reshape(-1, c)
        for part, rows in ((x[:full], BLOCK), (x[full:], n - full))
        if len(part)
    ]
    return vidya.cat(parts) if parts else x


@overload
def quantize(
    x: Tensor, bits: int = 8, group: int = 32, symmetric: bool = True, scale_dtype: Any = None
) -> Quantized: ...
@overload
def quantize(
    x: Module, bits: int = 8, group: int = 32, symmetric: bool = True, scale_dtype: Any = None
) -> Module: ...
def quantize(
    x: Tensor | Module,
    bits: int = 8,
    group: int = 32,
    symmetric: bool = True,
    scale_dtype: Any = None,
) -> Quantized | Module:
    """Weights as 8- or 4-bit integers, `group` neighbours sharing a scale (and, unless
    `symmetric`, a zero), both of `scale_dtype` (bfloat16).

    x: a floating matrix [N, K], or a module in which every Linear becomes a QuantizedLinear, in
    place; the module is given back (a Linear itself comes back as its replacement). K must be a
    multiple of `group` and of 64, else ValueError.
    """
    if bits not in (4, 8) or group not in GROUPS:
        raise ValueError(f"quantize: bits {bits} and group {group}: 4 or 8, and one of {GROUPS}")
    stored = dtypes.bfloat16 if scale_dtype is None else dtypes.as_dtype(scale_dtype)
    if not stored.is_floating_point:
        raise TypeError(f"quantize: scales are floats, not {stored.name}")
    if type(x) is Linear:
        return QuantizedLinear(quantize(x.weight, bits, group, symmetric, stored), x.bias)
    if isinstance(x, Module):
        linears = [
            (m, name, c) for m in x.modules() for name, c in m.named_children()
            if type(c) is Linear  # a subclass may do more than multiply
        ]  # fmt: skip
        new = {id(c): quantize(c, bits, group, symmetric, stored) for _, _, c in linears}
        for parent, name, child in linears:  # only once all of them could be quantised
            parent._modules[name] = new[id(child)]
        return x
    if x.ndim != 2 or not x.dtype.is_floating_point or x.shape[1] % 64 or x.shape[1] % group:
        raise ValueError(
            f"quantize: takes a floating matrix [N, K], K a multiple of 64 and of {group}, not "
            f"{x.dtype.name} {tuple(x.shape)}"
        )
    rows = max(1, _ROWS // x.shape[1] // BLOCK) * BLOCK
    with vidya.no_grad():
        parts = [
            _integers(x.detach()[i : i + rows], bits, group, symmetric, stored)
            for i in range(0, max(1, x.shape[0]), rows)
        ]
        if len(parts) == 1:
            return parts[0]
        weight, scale = vidya.cat([p.weight for p in parts]), vidya.cat([p.scale for p in parts])
        zeros = [p.zero for p in parts if p.zero is not None]
        return Quantized(weight, scale, vidya.cat(zeros) if zeros else None, bits, group)
