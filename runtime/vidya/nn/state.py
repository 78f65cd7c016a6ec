"""What a module holds: taking it out, putting it back, moving it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .. import dtypes
from ..engine.grad_modes import no_grad
from ..errors import CheckpointError
from ..functions.construct import as_tensor
from ..tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) did not find, and what it did not use."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class StateMixin:
    """The part of Module that deals with its tensors as a dictionary."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _transient: set[str]
    modules: Callable[[], Iterator[Any]]
    named_children: Callable[[], Iterator[tuple[str, Any]]]

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Every parameter and persistent buffer by dotted name, sharing the module's memory."""
        return {name: t.detach() for name, t in self._state_tensors(prefix)}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy tensors (or arrays) into the module's own, keeping its dtypes and device.

        All names and shapes are checked before anything is copied.  CheckpointError lists what is
        missing, unknown (both only if strict) or of another shape.
        """
        own = dict(self._state_tensors())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        misfits = [
            f"{name} is {list(state_dict[name].shape)} there and {list(tensor.shape)} here"
            for name, tensor in own.items()
            if name in state_dict and tuple(state_dict[name].shape) != tuple(tensor.shape)
        ]
        problems = list(misfits)
        if strict and missing:
            problems.append(f"missing: {_shorten(missing)}")
        if strict and unexpected:
            problems.append(f"unknown: {_shorten(unexpected)}")
        if problems:
            raise CheckpointError(
                f"the weights do not fit {type(self).__name__}: {_shorten(problems, '; ')}"
            )
        with no_grad():
            for name, tensor in own.items():
                if name in state_dict:
                    tensor.copy_(as_tensor(state_dict[name]))
        return IncompatibleKeys(missing, unexpected)

    def _state_tensors(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Unlike named_parameters this names a tied tensor as often as it is used."""
        for name, tensor in (self._parameters | self._buffers).items():
            if tensor is not None and name not in self._transient:
                yield prefix + name, tensor
        for name, child in self.named_children():
            yield from child._state_tensors(f"{prefix}{name}.")

    def to(self, *args, **kwargs) -> Any:
        """Move every tensor to a device, and the floating ones to a dtype; the module itself.

        to(device), to(dtype), to(device, dtype), or by keyword.
        """
        device, dtype = _device_and_dtype(*args, **kwargs)
        for module in self.modules():
            for table in (module._parameters, module._buffers):
                for tensor in table.values():
                    if tensor is not None:
                        _move(tensor, device, dtype)
        return self

    def float(self) -> Any:
        return self.to(dtype=dtypes.float32)

    def double(self) -> Any:
        return self.to(dtype=dtypes.float64)

    def bfloat16(self) -> Any:
        return self.to(dtype=dtypes.bfloat16)

    def half(self) -> Any:
        return self.to(dtype=dtypes.float16)

    def cpu(self) -> Any:
        return self.to("numpy")


def _move(tensor: Tensor, device: Any, dtype: dtypes.dtype | None) -> None:
    """In place, so that optimizers and ties that hold this very tensor keep it."""
    wanted = dtype if tensor.dtype.is_floating_point else None
    moved = tensor.detach().to(device=device or tensor.device, dtype=wanted or tensor.dtype)
    if moved.device != tensor.device or moved.dtype != tensor.dtype:
        tensor._set_data(moved)
        if tensor.grad is not None:
            tensor.grad = tensor.grad.to(device=moved.device, dtype=moved.dtype)


def _device_and_dtype(*args, device=None, dtype=None) -> tuple[Any, dtypes.dtype | None]:
    for value in args:
        if isinstance(value, dtypes.dtype):
            dtype = value
        elif isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        else:
            device = value
    if dtype is not None and not dtype.is_floating_point and not dtype.is_complex:
        raise TypeError(f"a module can only be moved to a floating dtype, not {dtype.name}")
    return device, dtype


def _shorten(items: list[str], separator: str = ", ", most: int = 5) -> str:
    rest = len(items) - most
    return separator.join(items[:most]) + (f"{separator}and {rest} more" if rest > 0 else "")
