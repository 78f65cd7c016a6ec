"""Tensors on memory or data of the host: vidya.tensor, as_tensor, from_numpy, from_dlpack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, dtypes
from .device import default_device
from .device import device as Device

if TYPE_CHECKING:
    from ..tensor import Tensor


def _to_numpy(data: Any, dtype: dtypes.dtype | None) -> tuple[np.ndarray, dtypes.dtype]:
    if isinstance(data, _core.TensorBase):
        array = data.detach().numpy()
    elif isinstance(data, (list, tuple)):
        array = np.asarray(_plain(data))
    else:
        array = np.asarray(data)
    if array.dtype == object or array.dtype.kind in "USMm":
        raise TypeError(f"cannot make a tensor of {array.dtype}: {str(data)[:60]!r}")
    ready = isinstance(data, (np.ndarray, np.generic, _core.TensorBase))
    if dtype is not None and array.dtype.kind == "c" and not (ready or dtype.is_complex):
        raise TypeError(f"tensor: a complex number does not fit {dtype.name}")
    if dtype is None:
        # Python numbers take the defaults; arrays keep what they are.
        if not ready and array.dtype.kind == "f":
            dtype = dtypes.default_float()
        elif not ready and array.dtype.kind == "c":
            dtype = dtypes.default_float().to_complex()
        elif not ready and array.dtype.kind == "u":
            dtype = dtypes.int64
        else:
            dtype = dtypes.as_dtype(array.dtype)
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(array, dtype=dtype.np).reshape(array.shape), dtype


def _plain(data: Any) -> Any:
    """Nested lists with tensors in them, as plain numbers."""
    if isinstance(data, _core.TensorBase):
        return data.tolist()
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor that holds a copy of `data`: numbers, nested lists, arrays, tensors."""
    try:
        array, type_ = _to_numpy(data, None if dtype is None else dtypes.as_dtype(dtype))
    except ValueError as error:
        raise ValueError(f"tensor: the nested lists are not rectangular: {error}") from None
    target = Device(device) if device is not None else default_device()
    out = _core.upload(target.core, array, type_)
    return out.requires_grad_() if requires_grad else out


def as_tensor(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor; a tensor that fits already, or host memory, is not copied."""
    if isinstance(data, _core.TensorBase):
        return data.to(dtype=dtype, device=device)
    target = Device(device) if device is not None else default_device()
    if isinstance(data, np.ndarray) and target.core.host_memory and dtype is None:
        return from_numpy(data, device=target)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray, *, device: Any = None) -> Tensor:
    """A tensor on the array's own memory (on a device that uses host memory)."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: takes a NumPy array, not {type(array).__name__}")
    target = Device(device) if device is not None else default_device()
    type_ = dtypes.as_dtype(array.dtype)
    if not array.dtype.isnative or not array.flags.writeable or not array.flags.aligned:
        return tensor(array, device=target)  # another byte order, or memory not to be written
    return _core.wrap_host(target.core, array, type_)


def from_dlpack(source: Any, *, device: Any = None) -> Tensor:
    """A tensor on the memory of any object with __dlpack__ (CPU only), without a copy."""
    target = Device(device) if device is not None else default_device()
    if hasattr(source, "__dlpack_device__") and source.__dlpack_device__()[0] != 1:
        raise BufferError("from_dlpack: only CPU memory can be taken; move it to the CPU first")
    capsule = source.__dlpack__() if hasattr(source, "__dlpack__") else source
    return _core.from_dlpack(target.core, capsule)
