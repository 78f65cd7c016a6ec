"""What a row is, and the arrays that rows are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIZES = {"64K": 1 << 16, "4M": 1 << 22}


@dataclass(frozen=True)
class Row:
    """One statement over `a`, `b`, `c` and indices `i`; L is the library, F its functions."""

    name: str
    statement: str
    make: Callable[[np.random.Generator, int], dict[str, np.ndarray]]
    backward: tuple[str, ...] = ()  # of these tensors, the gradient is taken too
    dtype: str = "float32"
    random: bool = False  # results of two generators cannot be compared
    setup: str = ""  # an expression, evaluated once: `m` of the statement


ROWS: dict[str, Row] = {}


def row(name: str, statement: str, make=None, **options) -> None:
    ROWS[name] = Row(name, statement, make or normal(2), **options)


def normal(count: int = 1, shape: Callable[[int], tuple] | None = None, positive: bool = False):
    """`count` arrays a, b, c of that shape; n elements in rows of 1024 unless given."""

    def make(rng, n):
        size = shape(n) if shape else (n // 1024, 1024)
        arrays = {k: rng.standard_normal(size).astype(np.float32) for k in "abc"[:count]}
        if positive:
            arrays = {k: np.abs(v) + 0.1 for k, v in arrays.items()}
        return arrays

    return make


def within(low: float, high: float):
    def make(rng, n):
        return {"a": rng.uniform(low, high, (n // 1024, 1024)).astype(np.float32)}

    return make


def with_index(shape, limit, index):
    """a of shape(n), and i of index(n) with numbers below limit(n)."""

    def make(rng, n):
        a = rng.standard_normal(shape(n)).astype(np.float32)
        return {"a": a, "i": rng.integers(0, limit(n), index(n))}

    return make


def weighted(*shapes):
    """a, b, c of fixed relations to n: each shape is a function of it."""

    def make(rng, n):
        return {
            k: rng.standard_normal(s(n)).astype(np.float32)
            for k, s in zip("abc", shapes, strict=False)
        }

    return make


def matrix(n: int) -> tuple[int, int]:
    return n // 1024, 1024


def image(n: int) -> tuple[int, ...]:
    """[N, 64, S, S] of n elements."""
    side = 32 if n <= 1 << 16 else 64
    return n // (64 * side * side), 64, side, side
