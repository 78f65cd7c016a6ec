"""Tensors from nothing: zeros, ones, empty ... and those from data, which are engine.from_host."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..engine.device import device as Device
from ..engine.from_host import as_tensor, from_dlpack, from_numpy, tensor  # noqa: F401  (all ways to make a tensor)
from ..ops import create
from ..ops.rules import sizes_of
from ..tensor import Tensor


def _finish(out: Tensor, requires_grad: bool) -> Tensor:
    return out.requires_grad_() if requires_grad else out


def _target(device: Any) -> Device | None:
    return None if device is None else Device(device)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Every element is fill_value."""
    shape = (size,) if isinstance(size, int) else tuple(size)
    type_ = None if dtype is None else dtypes.as_dtype(dtype)
    return _finish(create.full(shape, fill_value, type_, _target(device)), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """All zeros, of the default float unless dtype says otherwise."""
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    return _finish(create.full(sizes_of(size), 0, type_, _target(device)), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """All ones, of the default float unless dtype says otherwise."""
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    return _finish(create.full(sizes_of(size), 1, type_, _target(device)), requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Memory that is not set."""
    type_ = None if dtype is None else dtypes.as_dtype(dtype)
    return _finish(create.empty(sizes_of(size), type_, _target(device)), requires_grad)


def full_like(
    x: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Every element is fill_value; shape, dtype and device are x's unless given."""
    kind = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    where = x.device if device is None else _target(device)
    return _finish(create.full(tuple(x.shape), fill_value, kind, where), requires_grad)


def zeros_like(
    x: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """All zeros; shape, dtype and device are x's unless given."""
    return full_like(x, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    x: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """All ones; shape, dtype and device are x's unless given."""
    return full_like(x, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def empty_like(
    x: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Memory that is not set; shape, dtype and device are x's unless given."""
    kind = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    where = x.device if device is None else _target(device)
    return _finish(create.empty(tuple(x.shape), kind, where), requires_grad)
