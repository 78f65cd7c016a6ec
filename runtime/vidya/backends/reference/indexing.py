"""Indexing and sorting."""

from __future__ import annotations

import numpy as np

from .table import VIEWS, Caps, array_kernel, kernel, store, widened


def checked(index: np.ndarray, size: int) -> np.ndarray:
    """The index itself; IndexError naming the first element outside 0 .. size-1."""
    outside = (index < 0) | (index >= size)
    if outside.any():
        raise IndexError(f"index {index[outside].flat[0]} is out of range for size {size}")
    return index


def _within(x: np.ndarray, shape, dim: int) -> np.ndarray:
    """x cut to `shape` in every dim but `dim`, in which the index chooses."""
    return x[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(shape))]


@kernel("gather")
def _gather(inputs, outputs, attrs):
    dim = attrs["dim"]

    def run(ins, outs):
        x, index = ins
        index = checked(index, x.shape[dim])
        store(outs, (np.take_along_axis(_within(x, index.shape, dim), index, dim),))

    return run


@kernel("index_select")
def _index_select(inputs, outputs, attrs):
    dim = attrs["dim"]

    def run(ins, outs):
        x, index = ins
        store(outs, (np.take(x, checked(index, x.shape[dim]), axis=dim),))

    return run


def _places(index: np.ndarray, dim: int) -> tuple[np.ndarray, ...]:
    """For every element of `index` its place in the output: itself along dim, elsewhere its own."""
    places = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[dim] = index
    return tuple(places)


@kernel("scatter", caps=VIEWS | Caps.INPLACE)
def _scatter(inputs, outputs, attrs):
    dim = attrs["dim"]

    def run(ins, outs):
        x, index, src = ins
        checked(index, x.shape[dim])
        np.copyto(outs[0], x)
        outs[0][_places(index, dim)] = src[tuple(slice(n) for n in index.shape)]

    return run


@kernel("scatter_add", "fci", caps=VIEWS | Caps.INPLACE)
def _scatter_add(inputs, outputs, attrs):
    dim = attrs["dim"]

    def run(ins, outs):
        x, index, src = ins
        checked(index, x.shape[dim])
        total = np.array(widened(x))
        np.add.at(total, _places(index, dim), widened(src)[tuple(slice(n) for n in index.shape)])
        store(outs, (total,))

    return run


@array_kernel("sort", "fib")
def sort(x, *, dim, descending=False):
    """Values and indices, stable; NaN after every number, so first when descending."""
    if descending:  # ascending on the mirrored array keeps the order of equal elements
        order = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
        order = x.shape[dim] - 1 - np.flip(order, dim)
    else:
        order = np.argsort(x, axis=dim, kind="stable")
    return np.take_along_axis(x, order, dim), order
