"""Kernels that move or make elements and compute nothing.

`reshape`, `permute`, `expand`, `slice` and `slice_write` are views on the numpy device itself and
never asked of it; they are here for devices that have no strides and reuse these kernels.
"""

from __future__ import annotations

import numpy as np

from .philox import random_words
from .table import VIEWS, Caps, kernel, store


@kernel("copy")
def _copy(inputs, outputs, attrs):
    return lambda ins, outs: np.copyto(outs[0], ins[0])


@kernel("fill")
def _fill(inputs, outputs, attrs):
    return lambda ins, outs: outs[0].fill(ins[0].item())


@kernel("arange", "fi")
def _arange(inputs, outputs, attrs):
    wide = np.int64 if outputs[0].dtype.is_integer else np.float64

    def run(ins, outs):
        start, step = (x.astype(wide) for x in ins)
        outs[0][...] = start + np.arange(outs[0].size, dtype=wide) * step

    return run


@kernel("cat")
def _cat(inputs, outputs, attrs):
    dim = attrs["dim"]
    return lambda ins, outs: store(outs, (np.concatenate(ins, axis=dim),))


@kernel("random_bits", "i")
def _random_bits(inputs, outputs, attrs):
    def run(ins, outs):
        key, offset = (int(x) for x in ins)
        outs[0][...] = random_words(key, offset, outs[0].size).reshape(outs[0].shape)

    return run


@kernel("real_view", "c")
def _real_view(inputs, outputs, attrs):
    return lambda ins, outs: store(outs, (np.stack([ins[0].real, ins[0].imag], axis=-1),))


@kernel("complex_view", "f")
def _complex_view(inputs, outputs, attrs):
    def run(ins, outs):
        outs[0].real = ins[0][..., 0]
        outs[0].imag = ins[0][..., 1]

    return run


@kernel("reshape")
def _reshape(inputs, outputs, attrs):
    return lambda ins, outs: store(outs, (ins[0],))


@kernel("permute")
def _permute(inputs, outputs, attrs):
    dims = tuple(attrs["dims"])
    return lambda ins, outs: store(outs, (ins[0].transpose(dims),))


@kernel("expand")
def _expand(inputs, outputs, attrs):
    return lambda ins, outs: np.copyto(outs[0], np.broadcast_to(ins[0], outs[0].shape))


def region(shape, start, step) -> tuple[slice, ...]:
    """The slices that pick `shape` elements from `start` on, every `step`-th of each dim."""
    picks = []
    for n, first, stride in zip(shape, start, step, strict=True):
        stop = first + n * stride
        picks.append(slice(first, None if stop < 0 else stop, stride))
    return tuple(picks)


@kernel("slice")
def _slice(inputs, outputs, attrs):
    pick = region(outputs[0].shape, attrs["start"], attrs["step"])
    return lambda ins, outs: np.copyto(outs[0], ins[0][pick])


@kernel("slice_write", caps=VIEWS | Caps.INPLACE)
def _slice_write(inputs, outputs, attrs):
    pick = region(inputs[1].shape, attrs["start"], attrs["step"])

    def run(ins, outs):
        np.copyto(outs[0], ins[0])
        outs[0][pick] = ins[1]

    return run
