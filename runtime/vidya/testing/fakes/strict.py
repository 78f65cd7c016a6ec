"""The fake device `strict`: strided, but its memory is its own and its queue is asynchronous.

It stands in for a GPU.  Nothing but upload and download moves bytes between it and the host, `run`
only remembers what to do, and the work happens at `sync` or `download`: a runtime that peeks at
memory, forgets to wait, or frees too early is caught here and not on somebody's machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from vidya.backends.hookspecs import hookimpl
from vidya.backends.python import Caps
from vidya.backends.reference import find

_QUEUE_LIMIT = 512  # as on a real device, a full queue makes the next call wait
# These get their numbers as numbers; the others get them as tensors, to exercise that path too.
_TAKES_SCALARS = frozenset(["fill", "arange", "random_bits"])
_TAKES_NO_VIEWS = frozenset(["ewise_sums"])


class Memory:
    """One allocation.  It has no buffer protocol: the host cannot read it."""

    __slots__ = ("_bytes", "freed")

    def __init__(self, nbytes: int) -> None:
        self._bytes = np.full(max(nbytes, 1), 0xFF, np.uint8)  # NaN as any float, -1 as any int
        self.freed = False

    def array(self, view) -> np.ndarray:
        """The elements that a view names; only the device calls this."""
        if 0 in view.shape:
            return np.empty(view.shape, view.dtype.np)
        strides = [s * view.dtype.itemsize for s in view.strides]
        return np.ndarray(view.shape, view.dtype.np, self._bytes, view.offset, strides)


class StrictDevice:
    """An in-order queue over opaque memory."""

    strided = True
    host_memory = False
    asynchronous = True

    def __init__(self) -> None:
        self._queue: list[Callable[[], None]] = []
        self.live_bytes = 0

    def info(self) -> dict:
        return {
            "name": "strict, a fake for tests",
            "detail": "opaque memory, work happens at sync",
            "memory_bytes": 1 << 30,
            "threads": 0,
        }

    def alloc(self, nbytes: int) -> Memory:
        self.live_bytes += nbytes
        return Memory(nbytes)

    def free(self, memory: Memory) -> None:
        if memory.freed:
            raise RuntimeError("memory is freed twice")
        memory.freed = True
        self.live_bytes -= memory._bytes.size
        # In order: work that is already in the queue may still use the memory. Never a wait: memory
        # is freed at any moment, where nobody expects the error of some earlier call.
        self._queue.append(lambda: memory._bytes.fill(0xFF))

    def upload(self, view, data: np.ndarray) -> Memory:
        values = np.frombuffer(bytes(data), view.dtype.np).reshape(view.shape)  # the host's may go
        target = _resolve(view)
        self._later(lambda: np.copyto(target(), values))
        return view.buffer

    def download(self, view) -> np.ndarray:
        source = _resolve(view)
        self.sync()
        return np.ascontiguousarray(source())

    def copy(self, dst, src) -> Memory:
        target, source = _resolve(dst), _resolve(src)
        self._later(lambda: np.copyto(target(), source()))
        return dst.buffer

    def sync(self) -> None:
        """Do all that waits; an error in one step is raised after the others have run."""
        work, self._queue = self._queue, []
        errors = []
        for step in work:
            try:
                step()
            except (IndexError, ValueError, RuntimeError) as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _later(self, step: Callable[[], None]) -> None:
        self._queue.append(step)
        if len(self._queue) > _QUEUE_LIMIT:
            self.sync()

    def find(self, op: str, inputs, outputs, attrs):
        found = find(op, inputs, outputs, attrs)
        if not isinstance(found, tuple):
            return found
        reference, caps = found
        if op not in _TAKES_SCALARS:
            caps &= ~Caps.SCALAR_IN
        if op in _TAKES_NO_VIEWS:
            caps &= ~Caps.STRIDED_IN

        def kernel(ins, outs) -> None:
            if not caps & Caps.STRIDED_IN and any(
                v is not None and not _contiguous(v.shape, v.strides) for v in ins
            ):
                raise RuntimeError(f"{op} got a view, which it does not take")
            if op != "copy" and any(not _contiguous(v.shape, v.strides) for v in outs):
                raise RuntimeError(
                    f"{op} got an output that is not contiguous; only copy takes one"
                )
            sources, targets = [_resolve(v) for v in ins], [_resolve(v) for v in outs]
            self._later(lambda: reference([s() for s in sources], [t() for t in targets]))

        return kernel, caps


def _resolve(view) -> Callable[[], np.ndarray | None]:
    """How to get at a view's elements later; what the view says now is what will count."""
    if view is None or (view.buffer is None and view.scalar is None):
        return lambda: None
    if view.buffer is None:
        scalar = np.array(view.scalar, view.dtype.np)
        return lambda: scalar
    memory = view.buffer
    if memory.freed:
        raise RuntimeError("a kernel or a copy was given memory that is freed")
    array = memory.array(view)  # resolves offset, shape and strides; the elements come later
    return lambda: array


def _contiguous(shape, strides) -> bool:
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return 0 in shape
        expected *= size
    return True


class StrictBackend:
    """One device."""

    name = "strict"
    version = "1.0"

    def count(self) -> int:
        return 1

    def open(self, index: int) -> StrictDevice:
        return StrictDevice()


@hookimpl
def vidya_backend() -> StrictBackend:
    return StrictBackend()
