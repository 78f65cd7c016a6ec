"""x[...] and writing in place, PyTorch's rules: views for slices, copies for index arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, dtypes
from ..ops import create, elementwise, index, layout, masked, slices
from ..ops.rules import broadcast_shapes

if TYPE_CHECKING:
    from ..engine.device import device as Device
    from . import Tensor


def getitem(x: Tensor, key: Any) -> Tensor:
    """x[key]: ints, slices (any step), None, ..., bool and integer arrays or Tensors."""
    found = _core.subscript(x, key)
    if found is not None:  # ints, slices, None and ... only
        return found if type(found) is not tuple else _cut_out(x, *found)
    if _is_mask(x, key):
        (places,) = masked.nonzero(key.reshape(math.prod(key.shape)), as_tuple=True)
        flat = x.reshape(math.prod(key.shape), *x.shape[key.ndim :])
        return index.index_select(flat, 0, places)
    box, fancy = _parse(x, key)
    view = _cut(x, box)
    return _take(view, fancy) if fancy else view


def setitem(x: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, broadcast and cast."""
    recorded = _core.is_grad_enabled() and getattr(value, "requires_grad", False)
    # what is recorded is simpler to go back through as a box of x than as a view
    found: Any = _core.box(x, key) if recorded else _core.subscript(x, key)
    if found is not None:  # ints, slices, None and ... only
        if type(found) is not tuple:
            write(found, value)
            return
        start, size, step, shape = found
        value = _fitting(_as_value(x, value), shape)
        slices.slice_write_(x, value.reshape(size), start, step)
        return
    if _is_mask(x, key) and not getattr(value, "ndim", isinstance(value, (list, tuple))):
        mask = key.reshape((*key.shape, *(1,) * (x.ndim - key.ndim)))
        assign("index", x, index.masked_fill(x, mask, _as_value(x, value).to(x.dtype)))
        return
    box, fancy = _parse(x, key)
    value = _as_value(x, value)
    if not fancy:
        target = _box_shape(box)
        _write_box(x, box, _fitting(value, target))
        return
    view = _cut(x, box)
    rows, axes, order = _flat_index(view, fancy)
    moved = view.permute(order)
    n = len(axes)
    flat = moved.reshape(math.prod(moved.shape[:n]), math.prod(moved.shape[n:]))
    lead, rest = fancy[axes[0]].shape if n == 1 else _lead(fancy), moved.shape[n:]
    if _adjacent(axes) and axes[0] > 0:  # the indexed dims stay where they were
        spread = value.expand(*rest[: axes[0]], *lead, *rest[axes[0] :])
        dims = list(range(spread.ndim))
        at = dims[axes[0] : axes[0] + len(lead)]
        spread = spread.permute([*at, *(d for d in dims if d not in at)])
    else:
        spread = value.expand(*lead, *rest)
    source = spread.reshape(rows.numel(), flat.shape[1])
    where = rows.reshape(-1, 1).expand(source.shape)
    new = flat.scatter(0, where, source).reshape(moved.shape)
    back = sorted(range(len(order)), key=order.__getitem__)
    _write_box(x, box, new.permute(back))


def _as_value(x: Tensor, value: Any) -> Tensor:
    from ..functions.construct import as_tensor

    if isinstance(value, _core.TensorBase) and value.device is x.device:
        return value  # type: ignore[return-value]
    if isinstance(value, (bool, int, float, complex)):
        return x.new_full((), value)
    return as_tensor(value, device=x.device)


def _fitting(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The value broadcast to the shape it is written to; leading dims of 1 may be too many."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value.reshape(value.shape[1:])
    return value.expand(shape)


def _is_mask(x: Tensor, key: Any) -> bool:
    """Is the whole key one mask of x's first dims? Then nobody needs to count what it has."""
    return (
        isinstance(key, _core.TensorBase)
        and key.dtype is dtypes.bool_
        and 0 < key.ndim <= x.ndim
        and key.shape == x.shape[: key.ndim]
        and key.device is x.device
    )


# ---- parsing ----

# A box entry is (start, size, step, kind): "keep" a dim, "drop" an int's, or "new" for None.
_Box = list[tuple[int, int, int, str]]


def _parse(x: Tensor, key: Any) -> tuple[_Box, dict[int, Tensor]]:
    """The box that ints and slices cut, and the index tensors by dim of what remains."""
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = [_as_index(k, x) for k in keys]
    used = sum(_width(k) for k in keys if k is not None and k is not Ellipsis)
    if used > x.ndim:
        raise IndexError(f"index: too many indices: {used} for a tensor of {x.ndim} dims")
    if sum(k is Ellipsis for k in keys) > 1:
        raise IndexError("index: only one ellipsis ('...') can be given")
    if not any(k is Ellipsis for k in keys):
        keys.append(Ellipsis)
    at = next(i for i, k in enumerate(keys) if k is Ellipsis)
    keys[at : at + 1] = [slice(None)] * (x.ndim - used)
    box: _Box = []
    fancy: dict[int, Tensor] = {}
    dim = kept = 0
    for k in keys:
        if k is None:
            box.append((0, 1, 1, "new"))
            kept += 1
        elif isinstance(k, slice):
            start, stop, step = k.indices(x.shape[dim])
            box.append((start, len(range(start, stop, step)), step, "keep"))
            dim, kept = dim + 1, kept + 1
        elif isinstance(k, int):
            size = x.shape[dim]
            if not -size <= k < size:
                raise IndexError(f"index {k} is out of range for dim {dim} of size {size}")
            box.append((k % size, 1, 1, "drop"))
            dim += 1
        elif k.ndim == 0 and k.dtype is dtypes.bool_:  # a new dim of one element, or of none
            box.append((0, 1, 1, "new"))
            fancy[kept] = create.arange(int(bool(k)), device=x.device)
            kept += 1
        else:
            for part in _mask_to_index(k, x.shape[dim : dim + _width(k)]):
                box.append((0, x.shape[dim], 1, "keep"))
                fancy[kept] = part
                dim, kept = dim + 1, kept + 1
    return box, fancy


def _as_index(k: Any, x: Tensor) -> Any:
    from ..functions.construct import as_tensor

    if k is None or k is Ellipsis or isinstance(k, slice):
        return k
    if isinstance(k, (bool, np.bool_)):
        raise TypeError("index: True and False are no indices here; use None to add a dim")
    if isinstance(k, _core.TensorBase):
        if k.ndim == 0 and k.dtype.is_integer:
            return int(k)
        return k.to(x.device)
    if hasattr(k, "__index__") and not isinstance(k, np.ndarray):
        return k.__index__()
    if isinstance(k, (list, tuple, np.ndarray, range)):
        try:
            t = as_tensor(np.asarray(k), device=x.device)
        except (TypeError, ValueError) as error:
            raise type(error)(f"index: {error}") from None
        return t.to(dtypes.int64) if t.numel() == 0 and not t.dtype.is_integer else t
    raise TypeError(f"index: cannot be a {type(k).__name__}: use ints, slices, None, ... or arrays")


def _width(k: Any) -> int:
    """How many dims of x an index takes."""
    return k.ndim if isinstance(k, _core.TensorBase) and k.dtype is dtypes.bool_ else 1


def _mask_to_index(k: Tensor, sizes: tuple[int, ...]) -> list[Tensor]:
    from ..functions.construct import tensor

    if k.dtype is dtypes.bool_:
        if k.shape != sizes:
            raise IndexError(f"index: a mask {tuple(k.shape)} does not fit dims of sizes {sizes}")
        return [tensor(i, device=k.device) for i in np.nonzero(k.numpy())]
    if not k.dtype.is_integer:
        raise TypeError(f"index: must be of integers or bools, not {k.dtype.name}")
    return [k]


# ---- slices ----


def _cut_out(x: Tensor, start: tuple, size: tuple, step: tuple, shape: tuple) -> Tensor:
    """That box of x in that shape."""
    whole = size == x.shape and not any(start) and all(s == 1 for s in step)
    out = x if whole else slices.slice_(x, start, size, step)
    return out if shape == out.shape else layout.reshape(out, shape)


def _cut(x: Tensor, box: _Box) -> Tensor:
    dims = [b for b in box if b[3] != "new"]
    start, size, step = (tuple(b[i] for b in dims) for i in range(3))
    return _cut_out(x, start, size, step, _box_shape(box))


def _box_shape(box: _Box) -> tuple[int, ...]:
    return tuple(b[1] for b in box if b[3] != "drop")


def _write_box(x: Tensor, box: _Box, value: Tensor) -> None:
    dims = [b for b in box if b[3] != "new"]
    start, size, step = (tuple(b[i] for b in dims) for i in range(3))
    slices.slice_write_(x, value.reshape(size), start, step)


# ---- index arrays ----


def _lead(fancy: dict[int, Tensor]) -> tuple[int, ...]:
    return broadcast_shapes("index", *(k.shape for k in fancy.values()))


def _adjacent(axes: list[int]) -> bool:
    return axes == list(range(axes[0], axes[0] + len(axes)))


def _flat_index(x: Tensor, fancy: dict[int, Tensor]) -> tuple[Tensor, list[int], list[int]]:
    """One index into the indexed dims laid flat, those dims, and the order that puts them first."""
    axes = sorted(fancy)
    lead = _lead(fancy)
    flat: Any = None
    for axis in axes:
        size = x.shape[axis]
        # Through a table of -size..size-1, so that negatives wrap and range errors are found.
        table = create.arange(size, device=x.device)
        wrapped = elementwise.where(fancy[axis] < 0, fancy[axis] + size, fancy[axis])
        part = index.index_select(table, 0, wrapped.reshape(-1)).reshape(wrapped.shape)
        flat = part if flat is None else flat * size + part
    order = axes + [d for d in range(x.ndim) if d not in fancy]
    return flat.expand(lead), axes, order


def _take(x: Tensor, fancy: dict[int, Tensor]) -> Tensor:
    rows, axes, order = _flat_index(x, fancy)
    n = len(axes)
    moved = x.permute(order)
    rest = moved.shape[n:]
    flat = moved.reshape(math.prod(moved.shape[:n]), math.prod(rest))
    out = index.index_select(flat, 0, rows.reshape(-1)).reshape(*rows.shape, *rest)
    if _adjacent(axes) and axes[0] > 0:
        lead = list(range(rows.ndim))
        tail = list(range(rows.ndim, out.ndim))
        out = out.permute([*tail[: axes[0]], *lead, *tail[axes[0] :]])
    return out


# ---- whole tensors ----


def write(x: Tensor, value: Any) -> Tensor:
    """x[...] = value, where value may be a number."""
    n, shape = x.ndim, x.shape
    if not isinstance(value, (bool, int, float, complex)):
        value = _as_value(x, value)
        if value.ndim > n:
            value = _fitting(value, shape)
    return slices.slice_write_(x, value, (0,) * n, (1,) * n, shape)


def assign(name: str, x: Tensor, result: Tensor) -> Tensor:
    """x = result in x's memory, if shape and kind of number allow it."""
    if result.shape != x.shape:
        raise ValueError(f"{name}: the result {tuple(result.shape)} does not fit {tuple(x.shape)}")
    if result.dtype.category > x.dtype.category:
        raise TypeError(f"{name}: a {result.dtype.name} result does not fit {x.dtype.name}")
    return write(x, result)


def to_device(x: Tensor, target: Device) -> Tensor:
    """x on another device, over the host; gradients go the same way back."""
    from ..autograd.function import Function

    class Move(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.source = x.device
            return _core.upload(target.core, _core.download(x.detach().contiguous()), x.dtype)

        @staticmethod
        def backward(ctx, g):
            return g.to(ctx.source)

    if x.device.core.host_memory and target.core.host_memory and not x.requires_grad:
        return _core.upload(target.core, _core.host_view(x.contiguous()), x.dtype)
    return Move.apply(x)
