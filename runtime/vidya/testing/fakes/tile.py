"""The fake device `tile`: no strides, no views, and its kernels make their own outputs.

It stands in for a machine of tiles.  It stores float32, bfloat16 and uint32 and nothing else; the
runtime's int64, int32 and bool tensors live there as 32-bit words, which is the plugin's business:
it packs them at upload, unpacks them at download, and fails on a number that needs more than 32
bits.  A tensor is an object that knows its shape, so a reshape without a kernel is caught.
"""

from __future__ import annotations

from types import SimpleNamespace

import ml_dtypes
import numpy as np
from vidya.backends.hookspecs import hookimpl
from vidya.backends.python import Caps
from vidya.backends.reference import find
from vidya.dtypes import bfloat16, bool_, dtype, float32, int32, int64, uint32
from vidya.errors import UnsupportedError

_STORED = {float32: np.float32, bfloat16: ml_dtypes.bfloat16, uint32: np.uint32}
_PACKED = (int64, int32, bool_)  # as uint32
_TAKES_SCALARS = frozenset(["fill", "arange", "random_bits"])
_COMPOSITES = frozenset(["erfc"])


class Tiles:
    """One whole tensor on the device, in a dtype that the device has."""

    __slots__ = ("_stored", "freed")

    def __init__(self, values: np.ndarray, logical: dtype) -> None:
        self._stored = _pack(np.array(values), logical)  # a copy: tensors never share memory here
        self.freed = False

    def values(self, view) -> np.ndarray:
        """The elements, as the dtype that the runtime knows them by."""
        if self.freed:
            raise RuntimeError("a tensor is used after it was freed")
        if view.offset or tuple(view.shape) != self._stored.shape:
            raise RuntimeError(
                f"a tensor of shape {self._stored.shape} was handed over as {tuple(view.shape)} "
                f"at byte {view.offset}: this device has no views"
            )
        return _unpack(self._stored, view.dtype)


def _pack(values: np.ndarray, logical: dtype) -> np.ndarray:
    if logical in _STORED:
        return values.astype(_STORED[logical], copy=False)
    if logical not in _PACKED:
        raise UnsupportedError(
            f"tile stores float32, bfloat16 and 32-bit integers, not {logical.name}: "
            "convert the tensor before it is moved there"
        )
    wide = values.astype(np.int64)
    if ((wide < -(2**31)) | (wide >= 2**31)).any():
        raise UnsupportedError("tile holds integers in 32 bits, and one of these needs more")
    return wide.astype(np.int32).view(np.uint32)


def _unpack(stored: np.ndarray, logical: dtype) -> np.ndarray:
    if logical in _STORED:
        return stored
    return stored.view(np.int32).astype(logical.np)


class TileDevice:
    """Whole, contiguous tensors in, new tensors out."""

    strided = False
    host_memory = False
    asynchronous = False

    def __init__(self) -> None:
        self.live_bytes = 0

    def info(self) -> dict:
        return {
            "name": "tile, a fake for tests",
            "detail": "float32, bfloat16 and uint32, no strides",
            "memory_bytes": 1 << 30,
            "threads": 0,
        }

    def alloc(self, nbytes: int) -> Tiles:
        raise RuntimeError("this device has no plain memory: its kernels make their outputs")

    def free(self, tiles: Tiles) -> None:
        if tiles.freed:
            raise RuntimeError("a tensor is freed twice")
        tiles.freed = True
        self.live_bytes -= tiles._stored.nbytes

    def upload(self, view, data: np.ndarray) -> Tiles:
        return self._made(np.frombuffer(bytes(data), view.dtype.np).reshape(view.shape), view.dtype)

    def download(self, view) -> np.ndarray:
        return np.ascontiguousarray(view.buffer.values(view))

    def copy(self, dst, src) -> Tiles:
        return self._made(src.buffer.values(src), dst.dtype)

    def sync(self) -> None:
        """Nothing waits here."""

    def find(self, op: str, inputs, outputs, attrs):
        if op in _COMPOSITES:
            return None
        for meta in (*inputs, *outputs):
            # a number costs no storage, so it may be of any dtype
            if not meta.is_scalar and not meta.is_absent and not _storable(meta.dtype):
                return f"tile has no {meta.dtype.name}"
        found = find(op, inputs, outputs, attrs)
        if not isinstance(found, tuple):
            return found
        reference = found[0]
        made = [SimpleNamespace(shape=tuple(m.shape), dtype=m.dtype) for m in outputs]

        def kernel(ins, outs) -> list[Tiles]:
            results = [np.empty(m.shape, m.dtype.np) for m in made]
            reference([_values(v) for v in ins], results)
            return [self._made(r, m.dtype) for r, m in zip(results, made, strict=True)]

        caps = Caps.ALLOCS_OUTPUT
        if op in _TAKES_SCALARS:
            caps |= Caps.SCALAR_IN
        return kernel, int(caps)

    def _made(self, values: np.ndarray, logical: dtype) -> Tiles:
        tiles = Tiles(values, logical)
        self.live_bytes += tiles._stored.nbytes
        return tiles


def _storable(logical: dtype) -> bool:
    return logical in _STORED or logical in _PACKED


def _values(view) -> np.ndarray | None:
    if view is None or (view.buffer is None and view.scalar is None):
        return None
    if view.buffer is None:
        return np.array(view.scalar, view.dtype.np)
    return view.buffer.values(view)


class TileBackend:
    """One device."""

    name = "tile"
    version = "1.0"

    def count(self) -> int:
        return 1

    def open(self, index: int) -> TileDevice:
        return TileDevice()


@hookimpl
def vidya_backend() -> TileBackend:
    return TileBackend()
