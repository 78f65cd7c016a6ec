"""Tensors of one function that share memory, of which it writes some.

Passes and the planning of memory take every input for memory of its own. Where that is not so the
kernels run as they were recorded, which is right for whatever shares memory with whatever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def shared(tensors: Sequence[Any], written: set[int]) -> bool:
    """Does one of the tensors (those numbered in `written` are written) lie over another?

    On a device without strides a write gives its tensor other memory, so only the tensor counts.
    """
    by_storage: dict[int, list[int]] = {}
    for i, t in enumerate(tensors):
        by_storage.setdefault(memory(t), []).append(i)
    return any(
        i != j and _meet(tensors[i], tensors[j])
        for group in by_storage.values()
        if len(group) > 1
        for i in group
        if i in written
        for j in group
    )


def memory(t: Any) -> int:
    """The same for tensors that a write to one of them may change together."""
    return t._storage_id if t.device.core.strided else id(t)


def _meet(a: Any, b: Any) -> bool:
    (low, high), (first, last) = _range(a), _range(b)
    return low < last and first < high


def _range(t: Any) -> tuple[int, int]:
    """The bytes from the first to behind the last that t may touch."""
    if t.numel() == 0:
        return (0, 0)
    reach = [(n - 1) * s for n, s in zip(t.shape, t.strides, strict=True)]
    size = t.dtype.itemsize
    low = t._offset + size * sum(r for r in reach if r < 0)
    return low, t._offset + size * (sum(r for r in reach if r > 0) + 1)
