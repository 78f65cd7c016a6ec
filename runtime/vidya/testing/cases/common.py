"""Samples and oracles that many rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..case import S, Sample
from ..make import Make

EXTREMES = (float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e4, -1e4, 1e-3)

SHAPES = ((3, 4), (), (5,), (0, 3), (2, 3, 1, 4))
PAIRS = (
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 1, 4), (3, 1)),
    ((), (3,)),
    ((0, 3), (1, 3)),
)


def unary(
    low: float = -2,
    high: float = 2,
    nonzero: bool = False,
    extremes: Sequence[float] = EXTREMES,
    **kwargs: Any,
) -> Callable[[Make], Iterator[Sample]]:
    """x in [low, high] in several shapes; floats also at `extremes`, where nothing is smooth."""

    def samples(t: Make) -> Iterator[Sample]:
        for shape in SHAPES:
            x = t.nonzero(*shape, high=high) if nonzero else t(*shape, low=low, high=high)
            yield S(x, **kwargs)
        if t.is_float and extremes:
            yield S(t.of(extremes), **kwargs).forward_only()

    return samples


def binary(
    x: tuple[float, float] = (-2, 2),
    y: tuple[float, float] = (-2, 2),
    nonzero: bool = False,
    scalars: Sequence[Any] = (2,),
    extremes: bool = True,
    distinct: bool = False,
    **kwargs: Any,
) -> Callable[[Make], Iterator[Sample]]:
    """x and y in their ranges, broadcast in several ways; y also as a Python number."""

    def samples(t: Make) -> Iterator[Sample]:
        for left, right in PAIRS:
            a = t(*left, low=x[0], high=x[1])
            if nonzero:
                b = t.nonzero(*right, high=y[1])
            else:
                b = t(*right, low=y[0], high=y[1])
            yield S(a, b, **kwargs)
        if t.dtype.name != "bool":
            for number in scalars:
                yield S(t(2, 3, low=x[0], high=x[1]), number, **kwargs)
        if t.is_float and extremes:
            values = t.of(EXTREMES)
            yield S(values[:, None], values[None, :], **kwargs).forward_only()

    return samples


def floated(oracle: Callable[..., Any]) -> Callable[..., Any]:
    """The oracle with integers and bools as float64, as ops that give floats see them."""

    def called(*args: Any, **kwargs: Any) -> Any:
        return oracle(*map(as_float, args), **kwargs)

    return called


def as_float(x: Any) -> Any:
    if isinstance(x, np.ndarray) and x.dtype.kind in "biu":
        return x.astype(np.float64)
    return x


def number_as(dtype_of: np.ndarray, number: Any) -> Any:
    """A Python number in the array's dtype, as it counts in arithmetic with it."""
    return dtype_of.dtype.type(number) if not isinstance(number, np.ndarray) else number


def dims_of(dim: Any) -> Any:
    """`dim` as NumPy's axis: a list becomes a tuple."""
    return tuple(dim) if isinstance(dim, list) else dim
