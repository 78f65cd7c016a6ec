"""Writing into a tensor whose gradients are recorded: what becomes of histories.

A tensor that was written has the history of what was written into it. Where that is only a part of
it, its old history goes on for the rest. Views show the memory of one tensor, their base: a write
through one of them is a write into a part of the base, and every other view learns of it when it is
used next (`refresh`). What an earlier call saved for backward is gone then; versions of the memory
tell, and backward says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import AutogradError, TraceError
from ..ops.elementwise import clone
from ..ops.layout import expand, reshape
from ..ops.slices import slice_write
from ..ops.strided import as_strided_op, as_strided_scatter_op

if TYPE_CHECKING:
    from . import Tensor


def wrote(op: Any, values: tuple) -> None:
    """slice_write_(x, y, start, step, size) is done, and it is to be recorded."""
    x, y, start, step, size = values
    base = x if x._base is None else x._base
    if _core.current_trace() is not None and base._slot is None:
        raise TraceError(
            "a compiled function writes something that requires grad into a tensor from outside; "
            "let it write into a tensor of its own: x = x.clone()"
        )
    shape = tuple(size) if size is not None else y.shape
    _take_history(x, y, tuple(start), tuple(step), shape)
    if base is not x:
        _write_back(base, x)
    x._rewritten()


def _take_history(
    x: Tensor, y: Any, start: tuple[int, ...], step: tuple[int, ...], size: tuple[int, ...]
) -> None:
    """x was written where the box is, with y broadcast to its size."""
    if not isinstance(y, _core.TensorBase):
        y = x.new_full((), y)
    if y.shape != size:
        y = expand(y, size)
    whole = size == x.shape and not any(start) and all(s == 1 for s in step)
    if not (whole and y.requires_grad and y.dtype is x.dtype):
        _core.record_as(slice_write, (x, y, start, step), x)
    elif y.grad_fn is None:
        _core.record_as(clone, (y,), x)
    else:
        x._set_history(y.grad_fn, y._output_index)


def _write_back(base: Tensor, view: Tensor) -> None:
    """The base of a view that was written whole."""
    if not base.is_contiguous():
        raise AutogradError(
            f"a view of a tensor with strides {base.strides}, which are not those of its shape "
            f"{tuple(base.shape)}, was written in place: use base.contiguous() first"
        )
    if view.is_contiguous() and view.numel() == base.numel():
        whole = reshape(view, base.shape)
        base._set_history(whole.grad_fn, whole._output_index)
    else:
        places = (view.shape, view.strides, _offset(base, view))
        _core.record_as(as_strided_scatter_op, (base, view, *places), base)


def refresh(view: Tensor) -> None:
    """The view's history, now that its base has another one."""
    base = view._base
    if base.requires_grad:
        places = (view.shape, view.strides, _offset(base, view))
        _core.record_as(as_strided_op, (base, *places), view)
    else:
        view._set_history(None, 0)


def _offset(base: Tensor, view: Tensor) -> int:
    return (view._offset - base._offset) // base.dtype.itemsize


def kept(function: Callable, x: Tensor, args: tuple, kwargs: dict) -> Tensor:
    """x, or a copy where `function` saves x for its gradient, before its result overwrites x."""
    if not _core.is_grad_enabled() or not any(
        isinstance(t, _core.TensorBase) and t.requires_grad for t in (x, *args, *kwargs.values())
    ):
        return x
    definition = getattr(function, "definition", None)
    return x if definition is not None and not definition.saves_first else x.clone()


def overwrite(op: Any, values: tuple, name: str) -> Tensor:
    """op(*values) written into the first of them; recorded where that is asked for."""
    from .indexing import assign

    x, *rest = values
    return assign(name, x, op(kept(op, x, tuple(rest), {}), *rest))
