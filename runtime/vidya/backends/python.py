"""What a backend written in Python sees, and has to provide.

A backend object has `name`, `version`, `count() -> int` and `open(index) -> device`. A device has

- `strided: bool`, `host_memory: bool`, optionally `asynchronous: bool`;
- `info() -> dict` with any of name, detail, memory_bytes, threads;
- `find(op, inputs, outputs, attrs)`, which gets `Meta`s and answers `(kernel, caps)`, where caps
  is a sum of `Caps`; or None, or the reason as a str, when there is no kernel for that call;
- optionally `sync()`.

With `host_memory` the runtime owns the memory, and a kernel is `kernel(ins, outs)` on NumPy
arrays: `ins` hold None where an optional input is absent, `outs` are to be filled.

Without it, buffers are the device's own Python objects and a kernel gets `View`s. The device then
also has `alloc(bytes) -> buffer`, `upload(view, data: uint8 array) -> buffer`,
`download(view) -> array`, `copy(dst_view, src_view) -> buffer` and optionally `free(buffer)`.
A kernel found with `Caps.ALLOCS_OUTPUT` returns a list of new buffers, one per output.

Errors: IndexError and ValueError mean a wrong call, MemoryError no memory, NotImplementedError
unsupported, `vidya.errors.DeviceError` a lost device; anything else is reported as a bug.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from ..dtypes import dtype


class Caps(enum.IntFlag):
    """VD_CAP_* of backend.h."""

    STRIDED_IN = 1
    INPLACE = 2
    ALLOCS_OUTPUT = 4
    PREFERRED = 8
    NONDETERMINISTIC = 16
    SCALAR_IN = 32
    STRIDED_OUT = 64


class Meta(NamedTuple):
    """An input or output at `find`: everything but its memory. Strides count elements."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: dtype
    is_scalar: bool
    is_absent: bool


class View(NamedTuple):
    """A tensor in a device's own memory: `offset` bytes into `buffer`; or a scalar."""

    buffer: Any
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: dtype
    scalar: Any
