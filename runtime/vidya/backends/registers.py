"""What plugins register through the hooks, checked as it comes in."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dtypes import as_dtype


@dataclass(frozen=True)
class PythonKernel:
    """A Python function on Tensors that computes one op on one device."""

    op: str
    fn: Callable[..., Any]
    when: Callable[..., bool] | None
    distribution: str  # whose plugin it is

    def accepts(self, *args: Any, **kwargs: Any) -> bool:
        """Whether this kernel takes the call; may look at shapes, dtypes and attributes only."""
        return self.when is None or bool(self.when(*args, **kwargs))


@dataclass(frozen=True)
class KernelLibrary:
    """A shared library with native kernels for a device that another plugin owns."""

    path: str
    distribution: str  # whose plugin it is


@dataclass
class Kernels:
    """All kernels that plugins add to one device, in the order in which they are asked."""

    device: str
    python: dict[str, list[PythonKernel]] = field(default_factory=dict)
    libraries: list[KernelLibrary] = field(default_factory=list)

    def find(self, op: str, *args: Any, **kwargs: Any) -> PythonKernel | None:
        """The first Python kernel that takes this call, or None."""
        kernels = self.python.get(op, ())
        return next((k for k in kernels if k.accepts(*args, **kwargs)), None)

    def extend(self, other: Kernels) -> None:
        for op, kernels in other.python.items():
            self.python.setdefault(op, []).extend(kernels)
        self.libraries += other.libraries


@dataclass(frozen=True)
class Tolerance:
    """How far one op on one device may be from the float64 oracle, and why."""

    device: str
    op: str
    dtype: str
    rtol: float
    atol: float
    reason: str


def _device_of(name: Any, declared: frozenset[str], group: str) -> str:
    if name not in declared:
        raise ValueError(
            f"it registers for device {name!r}, but its distribution declares "
            f"{', '.join(sorted(declared))}: add '{name} = ...' to [{group}] or correct the name"
        )
    return name


class KernelRegister:
    """`register` of `vidya_kernels(register)`: collects what is meant for one device."""

    def __init__(self, device: str, declared: frozenset[str], distribution: str) -> None:
        self.kernels = Kernels(device)
        self._declared = declared
        self._distribution = distribution

    def __call__(
        self,
        device_name: str,
        op_name: str,
        fn: Callable[..., Any],
        *,
        when: Callable[..., bool] | None = None,
    ) -> None:
        """Add a Python function on Tensors as the kernel of `op_name` on `device_name`.

        `fn` takes the op's own arguments and is asked after the device's native kernels and before
        the op's decomposition. `when`, called with the same arguments, says whether `fn` takes the
        call; the answer is remembered per shapes, dtypes and attributes, so it may look at nothing
        else. Several kernels for one op are asked in the order of their registration.
        """
        _device_of(device_name, self._declared, "vidya.kernels")
        if not isinstance(op_name, str) or not op_name:
            raise TypeError(f"an op's name is a string, not {op_name!r}")
        for value, what in ((fn, "kernel"), (when, "`when`")):
            if not callable(value) and not (value is None and what == "`when`"):
                raise TypeError(f"the {what} for {op_name} is not callable: {value!r}")
        if device_name == self.kernels.device:
            kernel = PythonKernel(op_name, fn, when, self._distribution)
            self.kernels.python.setdefault(op_name, []).append(kernel)

    def library(self, device_name: str, path: str | os.PathLike[str]) -> None:
        """Add a shared library of native kernels for `device_name`.

        It exports `vidya_backend_v1`, whose table needs only `find` and `run`. Buffers are those of
        the device's owner: addresses that the host may use where it says VD_DEVICE_HOST_MEMORY.
        """
        _device_of(device_name, self._declared, "vidya.kernels")
        if not Path(path).is_file():
            raise FileNotFoundError(f"its kernel library {os.fspath(path)} is not there")
        if device_name == self.kernels.device:
            self.kernels.libraries.append(KernelLibrary(os.fspath(path), self._distribution))


class ToleranceRegister:
    """`register` of `vidya_tolerances(register)`: one row per device, op and dtype."""

    def __init__(self, device: str, declared: frozenset[str]) -> None:
        self.rows: dict[tuple[str, str], Tolerance] = {}
        self._device = device
        self._declared = declared

    def __call__(
        self, device: str, op: str, dtype: Any, rtol: float, atol: float, reason: str
    ) -> None:
        """Add one row; `dtype` is a dtype or its name, `reason` a sentence that says why."""
        _device_of(device, self._declared, "vidya.backends")
        name = as_dtype(dtype).name
        for value, what in ((rtol, "rtol"), (atol, "atol")):
            if not (isinstance(value, (int, float)) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{what} of {op} in {name} is not a finite number >= 0: {value!r}")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"the tolerance of {op} in {name} gives no reason: say why it is so")
        if device != self._device:
            return
        if (op, name) in self.rows:
            raise ValueError(f"it registers two tolerances for {op} in {name}: keep one")
        self.rows[op, name] = Tolerance(device, op, name, float(rtol), float(atol), reason)


class ModelRegister:
    """`register` of `vidya_models(register)`: models by name."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}

    def __call__(self, name: str, model: Any) -> None:
        """Add a model under the name by which commands ask for it."""
        if not isinstance(name, str) or not name:
            raise TypeError(f"a model's name is a string, not {name!r}")
        if name in self.models:
            raise ValueError(f"it registers the model {name!r} twice: keep one")
        self.models[name] = model
