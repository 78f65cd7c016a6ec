"""out= and inplace=: a result that goes into a tensor that is there already."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from .. import _core
from ..dtypes import BOOL
from ..errors import AutogradError


def write_out(name: str, result: Any, out: Any) -> Any:
    """Write the result (or several) of `name` into `out`, which is returned.

    As in PyTorch, out has the result's shape, or no elements, and then takes the result's; its
    dtype may differ within a kind of number or go to a higher one (int to float, not back).
    ValueError for another shape, TypeError for a dtype, AutogradError where out requires grad.
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}: out must be a tuple of {len(result)} tensors")
        for one, into in zip(result, out, strict=True):
            _write(name, one, into)
    else:
        _write(name, result, out)
    return out


def _write(name: str, result: Any, out: Any) -> None:
    from ..tensor.indexing import write

    if not isinstance(result, _core.TensorBase):
        raise TypeError(f"{name}: out takes a tensor, the result is a {type(result).__name__}")
    if not isinstance(out, _core.TensorBase):
        raise TypeError(f"{name}: out must be a Tensor, not {type(out).__name__}")
    if out.requires_grad and _core.is_grad_enabled():
        raise AutogradError(
            f"{name}: out is not recorded for gradients, and that tensor requires grad; "
            "leave it out, or use vidya.no_grad()"
        )
    if out.device is not result.device:
        raise ValueError(f"{name}: out is on {out.device}, the result on {result.device}")
    have, want = result.dtype, out.dtype
    fits = have.category <= want.category or (have.is_integer and want.is_integer)
    if not fits or (want.category == BOOL and have is not want):
        raise TypeError(f"{name}: a {have.name} result cannot go into out, which is {want.name}")
    if out.shape == result.shape:
        write(out, result)  # type: ignore[arg-type]
    elif out.numel() == 0 and out._slot is None and out._storage_bytes == 0:
        out._set_data(result.to(want).clone())
    else:
        raise ValueError(
            f"{name}: the result {tuple(result.shape)} does not fit out {tuple(out.shape)}; "
            "make one of that shape, or vidya.empty(0), which takes any"
        )


def may_overwrite(function: Callable) -> Callable:
    """A function whose last parameter, `inplace`, says that the result overwrites its input."""
    from ..tensor.indexing import assign

    place = len(inspect.signature(function).parameters) - 1

    @functools.wraps(function)
    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        inplace = args[place - 1] if len(args) == place else kwargs.get("inplace", False)
        if inplace and _core.is_grad_enabled() and input.requires_grad:
            input, written = input.clone(), input  # what the function saves is not overwritten
            result = function(input, *args, **kwargs)
            return written if result is input else written.copy_(result)
        result = function(input, *args, **kwargs)
        if not inplace or result is input:
            return result
        return assign(function.__name__, input, result)

    return call
