"""Tensors from nothing: constants and ranges.  No gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import dtypes
from ..engine import trace as tracing
from ..schema import PRIMITIVE, op
from .rules import Operand, as_sizes, cast_to, kernel

if TYPE_CHECKING:
    from ..tensor import Tensor


def contiguous_strides(shape: Sequence[int]) -> list[int]:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return strides[::-1]


@op("empty", PRIMITIVE, differentiable=False)
def empty(size, dtype=None, device=None) -> Tensor:
    """Memory of that shape with whatever was there before."""
    trace = tracing.current()
    shape, type_ = as_sizes("empty", size), dtypes.as_dtype(dtype or dtypes.default_float())
    if trace.device.core.strided:
        return trace.new(shape, type_)
    return kernel("fill", [cast_to(trace.constant(0), type_)], shape, type_)


@op("full", PRIMITIVE, differentiable=False)
def full(size, fill_value: Operand, dtype=None, device=None) -> Tensor:
    """Every element is `fill_value`; without dtype, the dtype of that number."""
    if math.prod(fill_value.shape) != 1:
        raise ValueError(f"full: fill_value is one number, got shape {tuple(fill_value.shape)}")
    type_ = dtypes.as_dtype(dtype) if dtype is not None else fill_value.dtype
    return kernel("fill", [cast_to(fill_value, type_)], as_sizes("full", size), type_)


@op("arange", PRIMITIVE, differentiable=False)
def iota(start: Operand, step: Operand, n, dtype, device=None) -> Tensor:
    """start, start + step, ...: n of them."""
    exact = dtypes.int64 if dtype.category < dtypes.FLOAT else dtypes.float64
    scalars = [cast_to(start, exact), cast_to(step, exact)]
    return kernel("arange", scalars, (n,), dtype)


def count_like(x: Tensor, n: int, start=0, step=1, dtype=dtypes.int64) -> Tensor:
    """start, start + step, ... on the device of x. [n]  For bodies, which may also run eagerly."""
    return iota(start, step, n, dtype, x.device)


def arange(start, end=None, step=1, *, dtype=None, device=None) -> Tensor:
    """Numbers from start (0 if only one is given) up to, not including, end, by step. [n]"""
    if end is None:
        start, end = 0, start
    if dtype is not None and dtypes.as_dtype(dtype) is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise ValueError("arange: step must not be 0")
    length = (end - start) / step
    if not math.isfinite(length):
        raise ValueError(f"arange: from {start} to {end} by {step} are no numbers to count")
    n = math.ceil(length)
    if length < 0:
        raise ValueError(f"arange: from {start} to {end} the step {step} leads away")
    whole = all(isinstance(v, int) for v in (start, end, step))
    default = dtypes.int64 if whole else dtypes.default_float()
    return iota(start, step, n, dtypes.as_dtype(dtype) if dtype is not None else default, device)


def linspace(start, end, steps: int, *, dtype=None, device=None) -> Tensor:
    """`steps` numbers from start to end, both included. [steps]"""
    if steps < 0:
        raise ValueError(f"linspace: steps must not be negative, got {steps}")
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    if type_.category < dtypes.FLOAT:
        start, end = int(start), int(end)
    wide = dtypes.float64
    if steps < 2:
        return iota(start, 0.0, steps, wide, device).to(type_)
    from .layout import cat  # here: layout is made of this file's

    # one half counts on from the start, the other back from the end, so that both are exact
    step, half = (end - start) / (steps - 1), steps // 2
    low, high = iota(start, step, half, wide, device), iota(end, -step, steps - half, wide, device)
    return cat([low, high[::-1]], 0).to(type_)


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype=None, device=None
) -> Tensor:
    """`steps` numbers from base ** start to base ** end, their logarithms evenly spaced. [steps]"""
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    if type_.category < dtypes.FLOAT:
        start, end = int(start), int(end)
    exponents = linspace(start, end, steps, dtype=dtypes.float64, device=device)
    return (float(base) ** exponents).to(type_)


def eye(
    n: int, m: int | None = None, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """The identity: ones on the diagonal. [n, m]"""
    rows = arange(n, device=device).unsqueeze(1)
    columns = arange(n if m is None else m, device=device).unsqueeze(0)
    out = (rows == columns).to(dtypes.as_dtype(dtype or dtypes.default_float()))
    return out.requires_grad_() if requires_grad else out
