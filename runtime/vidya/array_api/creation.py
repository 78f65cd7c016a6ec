"""Creation functions."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..engine.device import default_device
from ..engine.device import device as Device
from ..engine.from_host import from_dlpack as _from_dlpack
from ..functions.construct import empty as _empty
from ..functions.construct import from_numpy, tensor
from ..functions.construct import full as _full
from ..ops import arrange, create, diagonal
from ..tensor import Tensor
from .operands import array, promoted

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like",
    "linspace", "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def _type(dtype: Any) -> dtypes.dtype | None:
    return None if dtype is None else dtypes.as_dtype(dtype)


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """start, start + step, ... below stop; 0 to start - 1 if only one is given."""
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if (stop - start) / step <= 0:  # the standard's is empty where PyTorch's raises
        return arange(0, 1, dtype=dtype or _number_type(start, stop, step), device=device)[:0]
    where_to = None if device is None else Device(device)
    return create.arange(start, stop, step, dtype=_type(dtype), device=where_to)


def _number_type(*numbers: float) -> dtypes.dtype:
    whole = all(isinstance(n, int) for n in numbers)
    return dtypes.int64 if whole else dtypes.default_float()


def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """A tensor of a tensor, an array, a number or nested lists of them.

    copy: True always copies, None where it is needed; False raises ValueError there.
    """
    kind = _type(dtype)
    if isinstance(obj, Tensor):
        where_to = None if device is None else Device(device)
        changes = (kind not in (None, obj.dtype)) or where_to not in (None, obj.device)
        if copy is False and changes:
            raise ValueError("asarray: another dtype or device needs a copy, and copy is False")
        return obj.to(dtype=kind, device=where_to, copy=bool(copy))
    target = default_device() if device is None else Device(device)
    host = _host(obj)
    if copy is not True and host is not None and target.core.host_memory:
        shares = host.flags.writeable and host.dtype.isnative and host.flags.aligned
        if shares and (kind is None or kind is dtypes.as_dtype(host.dtype)):
            return from_numpy(host, device=target)
    if copy is False:
        raise ValueError(f"asarray: a tensor of {type(obj).__name__} needs a copy, copy is False")
    return tensor(obj if host is None else host, dtype=kind, device=target)


def _host(obj: Any) -> Any:
    """Objects with memory (NumPy arrays, buffers) as NumPy arrays; None for numbers and lists."""
    import numpy as np

    if isinstance(obj, (np.ndarray, np.generic)):
        return np.asarray(obj)
    if isinstance(obj, (list, tuple, bool, int, float, complex)):
        return None
    return np.asarray(obj)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Memory that is not set."""
    return _empty(_shape(shape), dtype=dtype, device=device)


def _shape(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Every element is fill_value; without dtype the default one of its kind."""
    return _full(_shape(shape), fill_value, dtype=dtype, device=device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All zeros."""
    return full(shape, 0, dtype=dtype or dtypes.default_float(), device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All ones."""
    return full(shape, 1, dtype=dtype or dtypes.default_float(), device=device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Memory that is not set, as x in what is not given."""
    array("empty_like", x)
    return _empty(x.shape, dtype=dtype or x.dtype, device=device or x.device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Every element is fill_value, as x in what is not given."""
    array("full_like", x)
    return _full(x.shape, fill_value, dtype=dtype or x.dtype, device=device or x.device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All zeros, as x in what is not given."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """All ones, as x in what is not given."""
    return full_like(x, 1, dtype=dtype, device=device)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Ones on the k-th diagonal of [n_rows, n_cols], zeros elsewhere."""
    n_cols = n_rows if n_cols is None else n_cols
    rows = arange(n_rows, device=device).unsqueeze(1)
    return (rows + k == arange(n_cols, device=device)).to(_type(dtype) or dtypes.default_float())


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """num evenly spaced numbers from start to stop, which is the last one if `endpoint`."""
    if num < 0:
        raise ValueError(f"linspace: num must not be negative, got {num}")
    if isinstance(start, complex) or isinstance(stop, complex):
        kind = _type(dtype) or dtypes.default_float().to_complex()
        parts = [
            linspace(a, b, num, dtype=kind.to_real(), device=device, endpoint=endpoint)
            for a, b in ((complex(start).real, complex(stop).real),
                         (complex(start).imag, complex(stop).imag))
        ]  # fmt: skip
        return parts[0] + parts[1] * 1j
    real = _type(dtype) or dtypes.default_float()
    exact = dtypes.float64 if real.category < dtypes.FLOAT else real
    where_to = None if device is None else Device(device)
    steps = num if endpoint else num + 1
    out = create.linspace(start, stop, steps, dtype=exact, device=where_to)[:num]
    return out.to(real)


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinate matrices of vectors; "xy": the first runs along columns, "ij": along rows."""
    if len({x.dtype for x in arrays}) > 1:
        arrays = tuple(promoted("meshgrid", *arrays))
    return tuple(arrange.meshgrid(*arrays, indexing=indexing)) if arrays else ()


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """x with zeros above the k-th diagonal."""
    return diagonal.tril(array("tril", x), k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """x with zeros below the k-th diagonal."""
    return diagonal.triu(array("triu", x), k)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of any object with __dlpack__; with copy=True on its own."""
    if isinstance(x, Tensor):
        return asarray(x, device=device, copy=copy)
    target = default_device() if device is None else Device(device)
    if not target.core.host_memory:
        if copy is False:
            raise BufferError(f"from_dlpack: {target} cannot use the host's memory without a copy")
        return _from_dlpack(x, device="numpy").to(device=target)
    out = _from_dlpack(x, device=target)
    return out.clone() if copy else out
