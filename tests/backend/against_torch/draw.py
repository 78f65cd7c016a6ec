"""What both libraries are called with: the same tensors, in layouts that differ where they may."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import vidya

torch = pytest.importorskip("torch")

FLOATS = ("float32", "float64", "float16", "bfloat16")
WIDE = ("float32", "float64")
INTS = ("int64", "int32", "int16", "int8", "uint8")
REAL = (*FLOATS, *INTS)
COMPLEX = ("complex64", "complex128")
ALL = (*REAL, "bool", *COMPLEX)


@dataclass(frozen=True)
class Pair:
    """One argument as each library takes it."""

    theirs: Any
    ours: Any
    fixed: bool = False  # no gradient is asked for

    def as_fixed(self) -> Pair:
        return Pair(self.theirs, self.ours, True)


@dataclass
class Call:
    """A function of both, by its path or as f(library, *args), and its arguments."""

    fn: str | Callable[..., Any]
    args: Sequence[Any]
    keywords: dict[str, Any] = field(default_factory=dict)
    gradient: bool = False
    loose: float = 1.0  # times the tolerance
    unordered: bool = False  # only the first result is determined

    @property
    def name(self) -> str:
        return self.fn if isinstance(self.fn, str) else self.fn.__name__


def dtype(name: str) -> Pair:
    return Pair(getattr(torch, name), getattr(vidya, name))


class Draw:
    """Random arguments. The same seed gives the same ones."""

    def __init__(self, seed: str, device: str):
        self.device = device
        self.rng = random.Random(seed)
        self.numpy = np.random.default_rng(zlib.crc32(seed.encode()))

    def maybe(self, chance: float = 0.5) -> bool:
        return self.rng.random() < chance

    def one(self, *of: Any) -> Any:
        return self.rng.choice(of)

    def shape(self, most: int = 3, least: int = 0) -> tuple[int, ...]:
        sizes = (0, 1, 2, 3, 5)
        return tuple(
            self.rng.choice(sizes[1:] if self.maybe(0.9) else sizes)
            for _ in range(self.rng.randint(least, most))
        )

    def dim(self, shape: Sequence[int]) -> int:
        n = max(len(shape), 1)
        return self.rng.randint(-n, n - 1)

    def values(self, kind: str, shape: Sequence[int], hard: bool = True) -> np.ndarray:
        """Numbers of that dtype; with `hard` some NaN, infinities, or the ends of the range."""
        if kind == "bool":
            return np.asarray(self.numpy.random(shape) < 0.5)
        if kind in INTS:
            ends = np.iinfo(kind)
            some = self.numpy.integers(-5 if ends.min else 0, 6, shape)
            edge = self.numpy.choice([ends.min, ends.max, 0, 1], shape)
            mixed = np.where(self.numpy.random(shape) < 0.15 * hard, edge, some)
            return np.asarray(mixed).astype(kind)
        if kind in COMPLEX:
            real, imag = self.numpy.normal(0, 2, shape), self.numpy.normal(0, 2, shape)
            return np.asarray(real + 1j * imag).astype(kind)
        some = np.asarray(self.numpy.normal(0, 3, shape)).round(2)
        edge = self.numpy.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 300.0], shape)
        mixed = np.where(self.numpy.random(shape) < 0.25 * hard, edge, some)
        return np.asarray(mixed).astype("float32" if kind == "bfloat16" else kind)

    def pair(self, kind: str, shape: Sequence[int], hard: bool = True) -> Pair:
        return self.of(self.values(kind, shape, hard), kind)

    def of(self, x: Any, kind: str | None = None) -> Pair:
        """x for both: plain, or as a view whose steps are long, turned, or negative in ours."""
        x = np.asarray(x)
        form = self.rng.choice(("plain", "plain", "turned", "stepped", "reversed"))
        axis = self.rng.randrange(x.ndim) if x.ndim else 0
        if form == "plain" or not x.ndim:
            return Pair(*self._both(x, kind))
        if form == "turned":
            return Pair(*(y.permute(*range(x.ndim)[::-1]) for y in self._both(x.T, kind)))
        along = (slice(None),) * axis
        if form == "stepped":
            y = np.repeat(x, 2, axis)
            return Pair(*(y[(*along, slice(None, None, 2))] for y in self._both(y, kind)))
        # PyTorch has no negative steps, so its own is what ours should look like
        backward = (*along, slice(None, None, -1))
        return Pair(self._both(x, kind)[0], self._both(x[backward], kind)[1][backward])

    def _both(self, x: np.ndarray, kind: str | None) -> list[Any]:
        x = np.array(x, order="C")
        both = [torch.tensor(x), vidya.tensor(x, device=self.device)]
        return [y.bfloat16() for y in both] if kind == "bfloat16" else both

    def index(self, size: int, shape: Sequence[int], negative: bool = False) -> Pair:
        return self.of(self.numpy.integers(-size if negative else 0, max(size, 1), shape))

    def operand(self, kinds: Sequence[str], shape: Sequence[int]) -> Any:
        """A tensor that broadcasts, a 0-d one, or a number."""
        what = self.rng.random()
        if what < 0.25:
            return self.rng.choice((2, -3, 0, 0.5, -1.5, True, 7, float("nan"), float("inf")))
        kind = self.rng.choice(kinds)
        return self.pair(kind, () if what < 0.45 else self.broadcasting(shape))

    def broadcasting(self, shape: Sequence[int]) -> tuple[int, ...]:
        cut = self.rng.randint(0, len(shape))
        return tuple(1 if self.maybe(0.3) else s for s in shape[cut:])
