"""Tensors with a border around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..schema import op
from .create import count_like
from .elementwise import remainder
from .index import index_select
from .rules import Operand, cast_to, kernel
from .slices import slice_, write_box
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor


def _borders(name: str, x: Tensor, pads: Sequence[int]) -> list[tuple[int, int]]:
    """(before, after) per dim of x; PyTorch counts pairs from the last dim."""
    if len(pads) % 2 or len(pads) > 2 * x.ndim or any(not isinstance(p, int) for p in pads):
        raise ValueError(
            f"{name}: pad {tuple(pads)} must be pairs of ints, at most one per dim of "
            f"{tuple(x.shape)}"
        )
    pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)]
    borders = [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1]
    for d, ((a, b), s) in enumerate(zip(borders, x.shape, strict=True)):
        if a + s + b < 0:
            raise ValueError(
                f"{name}: pad ({a}, {b}) takes more than dim {d} of {tuple(x.shape)} has"
            )
    return borders


def _inside(x: Tensor, borders) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where what is left of x after negative borders starts, and its sizes."""
    start = tuple(max(-a, 0) for a, _ in borders)
    size = tuple(
        max(s - max(-a, 0) - max(-b, 0), 0) for (a, b), s in zip(borders, x.shape, strict=True)
    )
    return start, size


@op("pad_constant")
def pad_constant(x: Tensor, pads, value: Operand = 0) -> Tensor:
    """x with `value` around it; pads: (before, after) of the last dim, of the one before it, ...

    A negative border cuts.
    """
    borders = _borders("pad", x, pads)
    start, size = _inside(x, borders)
    ones = (1,) * x.ndim
    inner = slice_(x, start, size, ones)
    shape = tuple(s + a + b for (a, b), s in zip(borders, x.shape, strict=True))
    if shape == tuple(size):
        return kernel("copy", [inner], size, x.dtype)
    out = kernel("fill", [cast_to(value, x.dtype)], shape, x.dtype)
    if not inner.numel():
        return out
    return write_box(out, inner, tuple(max(a, 0) for a, _ in borders), ones)


@pad_constant.pullback(saves="")
def _(ctx, x, pads, value):
    return lambda g: (pad_constant(g, tuple(-p for p in pads), 0), None)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """input with a border. pad: (before, after) of the last dim, then of the one before it, ...

    mode "constant" (value, 0 if not given), "reflect" (without the edge), "replicate" (the edge
    again) or "circular". The last three pad the last 1 to 3 dims of [N, C, ...] or [C, ...].
    Negative borders cut.
    """
    pads = tuple(p.__index__() for p in pad)
    if mode == "constant":
        return pad_constant(input, pads, 0 if value is None else value)
    if value:
        raise ValueError(f'pad: value is for mode="constant", not {mode!r}')
    if mode not in _WRAP:
        raise ValueError(
            f'pad: mode is "constant", "reflect", "replicate" or "circular", not {mode!r}'
        )
    _borders("pad", input, pads)
    if not 0 < len(pads) // 2 < input.ndim <= len(pads) // 2 + 2:
        raise ValueError(
            f"pad: mode {mode!r} with {len(pads) // 2} pairs takes {len(pads) // 2 + 1} or "
            f"{len(pads) // 2 + 2} dims, got {tuple(input.shape)}"
        )
    if mode == "circular" and min(pads) < 0:  # what is left goes round
        input = pad_constant(input, tuple(min(p, 0) for p in pads), 0)
        pads = tuple(max(p, 0) for p in pads)
    return wrap_pad(input, pads, mode) if any(pads) else input


_WRAP = {"reflect": 1, "replicate": 0, "circular": 0}


@op("wrap_pad")
def wrap_pad(x: Tensor, pads, mode) -> Tensor:
    """x with its own elements around it: "reflect", "replicate" or "circular"; pads as in pad."""
    for dim, (before, after) in enumerate(_borders("wrap_pad", x, pads)):
        n = x.shape[dim]
        most = {"reflect": n - 1, "replicate": None, "circular": n}[mode]
        if not before and not after:
            continue
        if n == 0 or (most is not None and max(before, after) > most):
            raise ValueError(
                f"pad: ({before}, {after}) is too much for dim {dim} of size {n} with mode {mode!r}"
            )
        at = count_like(x, n + before + after, -before)
        if mode == "replicate":
            at = clamp(at, 0, n - 1)
        elif mode == "circular":
            at = remainder(at, n)
        else:
            at = (n - 1) - ((n - 1) - at.abs()).abs()
        x = index_select(x, dim, at)
    return x
