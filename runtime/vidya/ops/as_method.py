"""What PyTorch has as methods of a tensor only: conversions, and other names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..engine.from_host import tensor

if TYPE_CHECKING:
    from ..tensor import Tensor


def ndimension(x: Tensor) -> int:
    """ndim."""
    return x.ndim


def nelement(x: Tensor) -> int:
    """numel()."""
    return x.numel()


def type_as(x: Tensor, other: Tensor) -> Tensor:
    """In other's dtype."""
    return x.to(other.dtype)


def sum_to_size(x: Tensor, *size: Any) -> Tensor:
    """Summed over the dims that were broadcast from `size`."""
    sizes = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    return x.sum_to(tuple(sizes))


def short(x: Tensor) -> Tensor:
    """int16."""
    return x.to(dtypes.int16)


def char(x: Tensor) -> Tensor:
    """int8."""
    return x.to(dtypes.int8)


def byte(x: Tensor) -> Tensor:
    """uint8."""
    return x.to(dtypes.uint8)


def cfloat(x: Tensor) -> Tensor:
    """complex64."""
    return x.to(dtypes.complex64)


def cdouble(x: Tensor) -> Tensor:
    """complex128."""
    return x.to(dtypes.complex128)


def new_tensor(x: Tensor, data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of data, with this one's dtype and device unless given."""
    return tensor(data, dtype=dtype or x.dtype, device=device or x.device)
