"""The safetensors format: 8 bytes of length, a JSON header, then the tensors' bytes.

https://huggingface.co/docs/safetensors describes it.  Nothing in such a file can run code, and its
header says beforehand how long the file must be, so a damaged one is found before a byte is used.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..errors import CheckpointError
from .atomic import atomic_write

_MAX_HEADER = 100_000_000  # the format's own bound
_CODES = {
    "BOOL": dtypes.bool_, "U8": dtypes.uint8, "I8": dtypes.int8, "U16": dtypes.uint16,
    "I16": dtypes.int16, "U32": dtypes.uint32, "I32": dtypes.int32, "U64": dtypes.uint64,
    "I64": dtypes.int64, "F16": dtypes.float16, "BF16": dtypes.bfloat16, "F32": dtypes.float32,
    "F64": dtypes.float64, "C64": dtypes.complex64, "C128": dtypes.complex128,
}  # fmt: skip
_NAMES = {dtype: code for code, dtype in _CODES.items()}


class Entry(NamedTuple):
    """Where one tensor lies: its dtype, shape and first and last byte after the header."""

    dtype: dtypes.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class SafeFile(Mapping[str, np.ndarray]):
    """An opened and checked safetensors file: a mapping from name to read-only array.

    The whole header is checked on opening, so what follows cannot fail half-way.  Arrays are views
    of the mapped file and cost nothing until they are read.  CheckpointError says what is wrong.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise CheckpointError(f"{path} is a directory; name the .safetensors file in it")
        try:
            with open(self.path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                header, start = _read_header(file, size, self.path)
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise CheckpointError(f"there is no file {path}") from None
        self.metadata, self.entries = _check_header(header, size - start, self.path)
        self._start = start

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.entries[name]
        count = math.prod(entry.shape)
        flat = np.frombuffer(self._bytes, entry.dtype.np, count, self._start + entry.begin)
        return flat.reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def load_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """All arrays of a file, bfloat16 as `ml_dtypes.bfloat16`.  CheckpointError if damaged."""
    return dict(SafeFile(path))


def save_file(
    tensors: Mapping[str, Any], path: str | os.PathLike, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors or arrays to `path`, atomically.  TypeError for a dtype the format lacks."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for name, tensor in tensors.items():
        dtype = dtypes.as_dtype(tensor.dtype)
        shape = [int(size) for size in tensor.shape]
        end = begin + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": _NAMES[dtype], "shape": shape, "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors start aligned
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for tensor in tensors.values():  # one after the other: two copies of a model may not fit
            file.write(_host_bytes(tensor))


def _host_bytes(tensor: Any) -> memoryview:
    array = np.asarray(tensor.detach().numpy() if hasattr(tensor, "detach") else tensor)
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _read_header(file, size: int, path: Path) -> tuple[dict, int]:
    """The JSON header and the byte at which the tensors start."""
    if size < 8:
        raise CheckpointError(f"{path} is no safetensors file: it has {size} bytes")
    length = int.from_bytes(file.read(8), "little")
    if length > _MAX_HEADER:
        raise CheckpointError(f"{path} is no safetensors file (its header would be {length} bytes)")
    if 8 + length > size:
        raise CheckpointError(
            f"{path} is truncated: its header needs {8 + length} bytes and the file has {size}"
        )
    try:
        header = json.loads(file.read(length).decode("utf-8"))
    except ValueError:
        raise CheckpointError(f"{path} is no safetensors file: its header is not JSON") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is no safetensors file: its header is not a JSON object")
    return header, 8 + length


def _check_header(header: dict, room: int, path: Path) -> tuple[dict[str, str], dict[str, Entry]]:
    """Every entry, after checking that together they fill the file exactly."""
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path} is damaged: its metadata is not a JSON object")
    entries = {name: _check_entry(name, entry, path) for name, entry in header.items()}
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].begin):
        if entry.begin != at:
            raise CheckpointError(f"{path} is damaged: {name!r} starts at {entry.begin}, not {at}")
        at = entry.end
    if at > room:
        raise CheckpointError(
            f"{path} is truncated: {at - room} of {at} bytes of tensors are missing"
        )
    if at < room:
        raise CheckpointError(f"{path} is damaged: {room - at} bytes follow its last tensor")
    return metadata, entries


def _check_entry(name: str, entry: Any, path: Path) -> Entry:
    try:
        dtype = _CODES[entry["dtype"]]
        shape = tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        numbers = (*shape, begin, end)
        if not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError("a size or offset is not a whole number")
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the entry {name!r} cannot be read ({error})") from None
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(
            f"{path} is damaged: {name!r} {dtype.name}{list(shape)} cannot have {end - begin} bytes"
        )
    return Entry(dtype, shape, begin, end)
