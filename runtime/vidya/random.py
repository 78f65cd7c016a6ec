"""Random tensors and their seed: the same seed gives the same numbers on every device."""

from __future__ import annotations

import math
import secrets
from typing import Any

from . import _core, dtypes
from .engine.trace import act, live
from .functions.construct import _finish, _target
from .ops import random as ops
from .ops.complex import view_as_complex
from .ops.rules import sizes_of
from .tensor import Tensor


class Generator:
    """A stream of random numbers: a key and how far it has been used.

    The numbers of a call depend on key, offset and shape only, not on the device. In a compiled
    function, seeding, saving and restoring are done again at every run, in order with the draws.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._key, self._offset = 0, 0
        if seed is None:
            act(lambda: self._start(secrets.randbits(62)))
        else:
            self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start anew with that seed (any int; 64 bits of it count)."""
        if not isinstance(seed, int):
            raise TypeError(f"a seed is an int, not {seed!r}")
        act(lambda: self._start(seed))
        return self

    def _start(self, seed: int) -> None:
        self._key, self._offset = (seed + 2**63) % 2**64 - 2**63, 0

    def initial_seed(self) -> int:
        return self._key

    def take(self, words: int) -> tuple[int, int]:
        """(key, offset) for that many 32-bit words, which are then used up."""
        at = self._offset
        self._offset += -(-words // 4)
        return self._key, at

    def get_state(self) -> dict[str, int]:
        """For set_state. In a function that is being traced it is empty, and each run fills it."""
        state: dict[str, int] = {}
        act(lambda: state.update(key=self._key, offset=self._offset))
        return state

    def set_state(self, state: dict[str, int]) -> None:
        """Go on where that state was taken."""

        def restore() -> None:
            self._key, self._offset = int(state["key"]), int(state["offset"])

        act(restore)


default_generator = Generator(0)


def manual_seed(seed: int) -> Generator:
    """Seed the generator that all random functions use by default."""
    return default_generator.manual_seed(seed)


def get_rng_state() -> dict[str, int]:
    return default_generator.get_state()


def set_rng_state(state: dict[str, int]) -> None:
    default_generator.set_state(state)


def _take(generator: Generator | None, words: int) -> tuple[Any, Any]:
    """(key, offset) of the next `words` words; in a traced function, of each replay's own."""
    stream = default_generator if generator is None else generator
    if not isinstance(stream, Generator):
        raise TypeError(f"generator must be a vidya.Generator, not {type(generator).__name__}")
    if _core.current_trace() is None:
        return stream.take(words)
    taken: list[int] = []

    def take() -> int:
        taken[:] = stream.take(words)
        return taken[0]

    return live(take, like=0), live(lambda: taken[1], like=0)


def _draw(
    op: Any, size: tuple, dtype: Any, device: Any, generator: Generator | None, words: int
) -> Tensor:
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    if type_.is_complex:  # both parts; of normal ones, half the variance each
        real = dtypes.float32 if type_ is dtypes.complex64 else dtypes.float64
        parts = _draw(op, (*size, 2), real, device, generator, 2 * words)
        return view_as_complex(parts * math.sqrt(0.5) if op is ops.normal else parts)
    if not type_.is_floating_point:
        raise TypeError(f"random numbers are drawn as floats, not {type_.name}; use randint")
    key, offset = _take(generator, words)
    return op(key, offset, size, type_, _target(device))


def rand(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers spread evenly over [0, 1)."""
    shape = sizes_of(size)
    out = _draw(ops.uniform, shape, dtype, device, generator, math.prod(shape))
    return _finish(out, requires_grad)


def randn(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    generator: Generator | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers of the standard normal distribution."""
    shape = sizes_of(size)
    out = _draw(ops.normal, shape, dtype, device, generator, math.prod(shape) + 1)
    return _finish(out, requires_grad)


def rand_like(x: Tensor, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    return rand(*x.shape, dtype=dtype or x.dtype, device=x.device, generator=generator)


def randn_like(x: Tensor, *, dtype: Any = None, generator: Generator | None = None) -> Tensor:
    return randn(*x.shape, dtype=dtype or x.dtype, device=x.device, generator=generator)


def randint(
    low: int,
    high: int | None = None,
    size: Any = (),
    *,
    dtype: Any = None,
    device: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Whole numbers from low (0 if only one is given) to high - 1; high - low up to 2^31."""
    if high is None:
        low, high = 0, low
    if not 0 < high - low <= 2**31:
        raise ValueError(f"randint: from {low} to {high} there must be 1 to 2^31 numbers")
    shape = (size,) if isinstance(size, int) else tuple(size)
    key, offset = _take(generator, math.prod(shape))
    bits = ops.random_bits(key, offset, shape, _target(device))
    # the remainder in uint32, for devices whose widest integer has 32 bits
    out = bits.remainder(high - low).to(dtypes.int64) + low
    return out.to(dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64)


def randperm(n: int, *, device: Any = None, generator: Generator | None = None) -> Tensor:
    """0 to n - 1 in random order. [n] int64"""
    key, offset = _take(generator, 2 * n)
    return ops.random_permutation(key, offset, n, _target(device))
