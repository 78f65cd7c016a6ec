"""Set functions: distinct values in ascending order; every NaN is one of its own."""

from __future__ import annotations

from typing import NamedTuple

from ..ops import sets as _sets
from ..ops.index import index_select
from ..ops.sort import argsort
from ..tensor import Tensor
from .operands import array

__all__ = ["unique_all", "unique_counts", "unique_inverse", "unique_values"]


class UniqueAll(NamedTuple):
    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    values: Tensor
    inverse_indices: Tensor


def unique_all(x: Tensor, /) -> UniqueAll:
    """(values, where each is first, for each element its value's place, how often each is there)"""
    values, inverse, counts = _sets.unique(array("unique_all", x), True, True, True)
    order = argsort(inverse.reshape(-1), 0)  # stable: equal values in the order they come in
    return UniqueAll(values, index_select(order, 0, counts.cumsum(0) - counts), inverse, counts)


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """(values, how often each is there)"""
    return UniqueCounts(*_sets.unique(array("unique_counts", x), return_counts=True))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """(values, for each element its value's place)"""
    return UniqueInverse(*_sets.unique(array("unique_inverse", x), return_inverse=True))


def unique_values(x: Tensor, /) -> Tensor:
    """The distinct values."""
    return _sets.unique(array("unique_values", x))
