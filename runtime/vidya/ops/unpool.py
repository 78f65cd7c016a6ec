"""The maxima of windows put back to where they were found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .sliding import per_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def _sizes(name: str, x: Tensor, n: int, kernel, stride, padding, given: Any) -> tuple[int, ...]:
    """The sizes before pooling: those given, if they may be it, else the smallest."""
    least = tuple(
        (s - 1) * t - 2 * p + k
        for s, t, p, k in zip(x.shape[-n:], stride, padding, kernel, strict=True)
    )
    if given is None:
        return least
    sizes = tuple(given)[-n:]
    near = zip(sizes, least, stride, strict=False)
    if len(given) not in (n, n + 1, n + 2) or not all(a - s < w < a + s for w, a, s in near):
        raise ValueError(
            f"{name}: output_size {tuple(given)} must be {n} sizes less than a stride {stride} "
            f"from {least}"
        )
    return sizes


def _max_unpool(n: int):
    name = f"max_unpool{n}d"

    def unpool(
        input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None,
    ) -> Tensor:  # fmt: skip
        if input.ndim not in (n + 1, n + 2) or indices.shape != input.shape:
            raise ValueError(
                f"{name}: takes [N, C, ...] or [C, ...] with {n} more dims and indices of that "
                f"shape, got {tuple(input.shape)} and {tuple(indices.shape)}"
            )
        kernel = per_dim(name, "kernel_size", kernel_size, n)
        places = kernel if stride is None else per_dim(name, "stride", stride, n)
        sizes = _sizes(
            name, input, n, kernel, places, per_dim(name, "padding", padding, n, 0), output_size
        )
        lead = tuple(input.shape[:-n])
        out = input.new_zeros(*lead, math.prod(sizes))
        count = math.prod(input.shape[-n:])
        rows = (x.reshape((*lead, count)) for x in (indices, input))
        return out.scatter(-1, *rows).reshape((*lead, *sizes))

    unpool.__name__ = unpool.__qualname__ = name
    unpool.__doc__ = (
        f"Zeros of the sizes before max_pool{n}d, with input [N, C, *S] or [C, *S] at `indices`."
        "\n\nindices: what max_pool gave with return_indices. output_size: those sizes, where "
        "several are possible; else (S - 1) stride - 2 padding + kernel_size."
    )
    return unpool


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
