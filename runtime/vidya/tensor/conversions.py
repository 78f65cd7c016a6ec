"""A tensor's numbers in another dtype or on another device, and new tensors like it."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import dtypes
from .._core import TensorBase
from ..calls.arguments import explained
from ..engine.device import device as _device
from ..engine.from_host import tensor
from ..ops import create, elementwise
from ..ops.rules import sizes_of
from . import indexing as _indexing

if TYPE_CHECKING:
    from . import Tensor


class Conversions:
    """to() and its short forms; new_zeros() and the like."""

    __slots__ = ()

    def to(
        self: Any, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False
    ) -> Tensor:
        """In another dtype and/or on another device: to("openblas"), to(vidya.float64), to(other).

        Gives itself where nothing changes and copy is not asked for.
        """
        for arg in args:
            if isinstance(arg, TensorBase):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, _device) or (
                isinstance(arg, str) and arg.split(":")[0] not in dtypes._BY_NAME
            ):
                device = arg
            else:
                dtype = arg
        out = self
        if dtype is not None and (wanted := dtypes.as_dtype(dtype)) is not self.dtype:
            out = elementwise.cast(out, wanted)
        if device is not None and (target := _device(device)) is not self.device:
            out = _indexing.to_device(out, target)
        return out.clone() if copy and out is self else out

    def type(self: Any, dtype: Any) -> Tensor:
        return self.to(dtype)

    def float(self: Any) -> Tensor:
        return self.to(dtypes.float32)

    def double(self: Any) -> Tensor:
        return self.to(dtypes.float64)

    def half(self: Any) -> Tensor:
        return self.to(dtypes.float16)

    def bfloat16(self: Any) -> Tensor:
        return self.to(dtypes.bfloat16)

    def long(self: Any) -> Tensor:
        return self.to(dtypes.int64)

    def int(self: Any) -> Tensor:
        return self.to(dtypes.int32)

    def bool(self: Any) -> Tensor:
        return self.to(dtypes.bool_)

    def short(self: Any) -> Tensor:
        return self.to(dtypes.int16)

    def char(self: Any) -> Tensor:
        return self.to(dtypes.int8)

    def byte(self: Any) -> Tensor:
        return self.to(dtypes.uint8)

    def cfloat(self: Any) -> Tensor:
        return self.to(dtypes.complex64)

    def cdouble(self: Any) -> Tensor:
        return self.to(dtypes.complex128)

    def type_as(self: Any, other: Tensor) -> Tensor:
        """In other's dtype."""
        return self.to(other.dtype)

    def to_device(self: Any, device: Any, /, *, stream: Any = None) -> Tensor:
        """On another device, as `to`. Devices have no streams: stream must be None."""
        if stream is not None:
            raise ValueError("to_device: devices have no streams here; leave stream out")
        return self.to(device=device)

    def cpu(self: Any) -> Tensor:
        return self.to("numpy")

    def is_floating_point(self: Any) -> Any:
        return self.dtype.is_floating_point

    def is_complex(self: Any) -> Any:
        return self.dtype.is_complex

    # ---- like this one ----

    def new_full(
        self: Any,
        size: Sequence[builtins.int],
        fill_value: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """fill_value everywhere; dtype and device are this tensor's unless given."""
        type_ = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        there = self.device if device is None else _device(device)
        out = create.full(tuple(size), fill_value, type_, there)
        return out.requires_grad_() if requires_grad else out

    def new_zeros(
        self: Any,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        return self.new_full(sizes_of(size), 0, dtype, device, requires_grad)

    def new_ones(
        self: Any,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        return self.new_full(sizes_of(size), 1, dtype, device, requires_grad)

    def new_empty(
        self: Any,
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        type_ = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        there = self.device if device is None else _device(device)
        out = create.empty(sizes_of(size), type_, there)
        return out.requires_grad_() if requires_grad else out

    def new_tensor(
        self: Any,
        data: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """A tensor of data, with this one's dtype and device unless given."""
        out = tensor(data, dtype=dtype or self.dtype, device=device or self.device)
        return out.requires_grad_() if requires_grad else out


for _name in ("to", "new_full", "new_zeros", "new_ones", "new_empty", "new_tensor", "type_as"):
    setattr(Conversions, _name, explained(getattr(Conversions, _name)))
