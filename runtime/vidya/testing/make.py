"""Sample inputs: reproducible arrays of a dtype, and tensors with awkward layouts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from vidya.dtypes import bool_, dtype


class Make:
    """Makes arrays of the dtype under test.  `t(3, 4)` is an array of 3 rows and 4 columns."""

    def __init__(self, kind: dtype, seed: str = "") -> None:
        self.dtype = kind
        self.rng = np.random.default_rng(zlib.crc32(f"{seed}/{kind.name}".encode()))

    def __call__(self, *shape: int, low: float = -2, high: float = 2) -> np.ndarray:
        """Uniform numbers in [low, high] (integers include both ends and 0 for unsigned)."""
        if self.dtype is bool_:
            return np.asarray(self.rng.random(shape) < 0.5)
        if self.dtype.is_integer:
            limits = np.iinfo(self.dtype.np)
            first = max(int(np.ceil(low)), limits.min)
            last = max(min(int(np.floor(high)), limits.max), first)
            return self.rng.integers(first, last + 1, shape).astype(self.dtype.np)
        values = self.rng.uniform(low, high, shape)
        if self.dtype.is_complex:
            values = values + 1j * self.rng.uniform(low, high, shape)
        return np.asarray(values).astype(self.dtype.np)

    def positive(self, *shape: int, low: float = 0.25, high: float = 3) -> np.ndarray:
        return self(*shape, low=low, high=high)

    def nonzero(self, *shape: int, low: float = 0.5, high: float = 3) -> np.ndarray:
        """Numbers at least `low` away from zero, of both signs where the dtype has two."""
        magnitude = self(*shape, low=max(low, 1) if self.dtype.is_integer else low, high=high)
        if not self.dtype.is_signed:
            return magnitude
        return np.asarray(magnitude * self.rng.choice([-1, 1], shape)).astype(self.dtype.np)

    def distinct(self, *shape: int) -> np.ndarray:
        """Numbers no two of which are equal or close: extrema and orders are unambiguous."""
        n = int(np.prod(shape, dtype=int))
        if self.dtype is bool_:
            return self(*shape)
        first = 0 if not self.dtype.is_signed else -(n // 2)
        values = (np.arange(n) + first) * (0.5 if not self.dtype.is_integer else 1)
        return self.rng.permutation(values).reshape(shape).astype(self.dtype.np)

    def index(self, size: int, *shape: int) -> np.ndarray:
        """int64 indices into `size` elements."""
        return np.asarray(self.rng.integers(0, size, shape))

    def mask(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.random(shape) < 0.5)

    def of(self, values: Sequence) -> np.ndarray:
        """The given values in the dtype under test."""
        with np.errstate(all="ignore"):
            return np.asarray(values, np.float64).astype(self.dtype.np)

    @property
    def is_float(self) -> bool:
        return self.dtype.is_floating_point


def awkward(vidya, array: np.ndarray, device):
    """A tensor of the same elements that is a transposed, strided view with an offset.

    Each dim but the first is stored in reverse order of dims and every second element is skipped;
    the skipped ones are a value that would show.
    """
    if array.ndim == 0:
        return vidya.tensor(array[None], device=device)[0]
    stored = [2 * n + 1 for n in reversed(array.shape)]
    base = np.full(stored, 77 if array.dtype.kind != "b" else True, array.dtype)
    picks = tuple(slice(1, None, 2) for _ in stored)
    base[picks] = array.transpose()
    return vidya.tensor(base, device=device)[picks].permute(*reversed(range(array.ndim)))
