"""Convolution and its two adjoints, each linear in both arguments: they are each other's gradients.

By gathering windows and one matrix product per group (Chellapilla, Puri and Simard, 2006).
All numbers of places (stride, padding, dilation) are tuples, one per spatial dim.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..schema import op
from .elementwise import conj_of
from .pad import pad_constant
from .rules import promote
from .sliding import per_dim, window_count, windows, windows_backward

if TYPE_CHECKING:
    from ..tensor import Tensor


def _padded(x: Tensor, padding) -> Tensor:
    if not any(padding):
        return x
    return pad_constant(x, tuple(p for size in reversed(padding) for p in (size, size)), 0)


def _columns(x: Tensor, kernel, stride, padding, dilation, groups) -> Tensor:
    """Windows of x [N, C, *S] as [N, groups, C / groups * prod(kernel), prod(O)]."""
    cut = windows(_padded(x, padding), kernel, stride, dilation)
    n, c = x.shape[:2]
    counts = cut.shape[cut.ndim - len(kernel) :]
    return cut.reshape((n, groups, c // groups * math.prod(kernel), math.prod(counts)))


@op("convolution")
def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None = None,
    stride=(), padding=(), dilation=(), groups=1,
) -> Tensor:  # fmt: skip
    """out[n, o] = sum over c, k of weight[o, c, k] x[n, c, stride * at + dilation * k - padding].

    x [N, C, *S], weight [O, C / groups, *K], bias [O] -> [N, O, *S'], where
    S' = (S + 2 padding - dilation (K - 1) - 1) // stride + 1.
    """
    x, weight = promote(x, weight)
    kernel = weight.shape[2:]
    sizes = tuple(
        window_count(s + 2 * p, k, t, d)
        for s, k, t, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    )
    if min(sizes) <= 0:
        raise ValueError(
            f"convolution: the kernel {tuple(kernel)} does not fit into {tuple(x.shape)} with "
            f"padding {tuple(padding)} and dilation {tuple(dilation)}"
        )
    n, o = x.shape[0], weight.shape[0]
    columns = _columns(x, kernel, stride, padding, dilation, groups)
    rows = weight.reshape((groups, o // groups, math.prod(weight.shape[1:])))
    out = (rows @ columns).reshape((n, o, *sizes))
    return out if bias is None else out + bias.reshape((o, *(1,) * len(sizes)))


@convolution.pullback(saves="x weight")
def _(ctx, x, weight, bias, stride, padding, dilation, groups):
    places = (stride, padding, dilation, groups)

    def back(g):
        dx = dw = db = None
        if ctx.needs[0]:
            dx = convolution_input(g, conj_of(weight), tuple(x.shape[2:]), *places)
        if ctx.needs[1]:
            dw = convolution_weight(g, conj_of(x), tuple(weight.shape[2:]), *places)
        if ctx.needs[2]:
            db = g.sum((0, *range(2, g.ndim)))
        return dx, dw, db

    return back


@op("convolution_input")
def convolution_input(
    g: Tensor, weight: Tensor, sizes, stride=(), padding=(), dilation=(), groups=1
) -> Tensor:
    """The adjoint of convolution in x, also called transposed convolution.

    g [N, O, *S'], weight [O, C / groups, *K] -> [N, C, *sizes].
    """
    g, weight = promote(g, weight)
    n, o = g.shape[:2]
    kernel, counts = weight.shape[2:], g.shape[2:]
    inner = weight.shape[1] * math.prod(kernel)
    rows = weight.reshape((groups, o // groups, inner)).transpose(1, 2)
    columns = rows @ g.reshape((n, groups, o // groups, math.prod(counts)))
    parts = columns.reshape((n, groups * weight.shape[1], *kernel, *counts))
    padded = tuple(s + 2 * p for s, p in zip(sizes, padding, strict=True))
    out = windows_backward(parts, padded, tuple(kernel), stride, dilation)
    if not any(padding):
        return out
    return pad_constant(out, tuple(-p for size in reversed(padding) for p in (size, size)), 0)


def _first_windows(y: Tensor, g: Tensor) -> Tensor:
    """As many windows of y as g has: x may have room for more, as with an output_padding."""
    return y[(..., *(slice(0, s) for s in g.shape[2:]))]


@convolution_input.pullback(saves="g weight")
def _(ctx, g, weight, sizes, stride, padding, dilation, groups):
    places = (stride, padding, dilation, groups)

    def back(gg):
        kernel, dg = tuple(weight.shape[2:]), None
        if ctx.needs[0]:
            dg = _first_windows(convolution(gg, conj_of(weight), None, *places), g)
        return dg, convolution_weight(conj_of(g), gg, kernel, *places) if ctx.needs[1] else None

    return back


@op("convolution_weight")
def convolution_weight(
    g: Tensor, x: Tensor, kernel, stride=(), padding=(), dilation=(), groups=1
) -> Tensor:
    """Convolution's adjoint in the weight. g [N, O, *S'], x [N, C, *S] -> [O, C/groups, *K]."""
    g, x = promote(g, x)
    n, o = g.shape[:2]
    counts = tuple(g.shape[2:])
    length = math.prod(counts)
    sizes = tuple(  # what the windows reach: a stride may leave elements over
        t * (c - 1) + d * (k - 1) + 1
        for c, t, d, k in zip(counts, stride, dilation, kernel, strict=True)
    )
    padded = _padded(x, padding)
    if tuple(padded.shape[2:]) != sizes:
        padded = padded[(slice(None), slice(None), *(slice(0, s) for s in sizes))]
    cut = windows(padded, kernel, stride, dilation)  # [N, C, *K, *S']
    per_group = x.shape[1] // groups * math.prod(kernel)
    order = (*range(1, 2 + len(kernel)), 0, *range(2 + len(kernel), cut.ndim))
    columns = cut.permute(order).reshape((groups, per_group, n * length))
    rows = g.reshape((n, groups, o // groups, length)).permute((1, 2, 0, 3))
    out = rows.reshape((groups, o // groups, n * length)) @ columns.transpose(1, 2)
    return out.reshape((o, x.shape[1] // groups, *kernel))


@convolution_weight.pullback(saves="g x")
def _(ctx, g, x, kernel, stride, padding, dilation, groups):
    places = (stride, padding, dilation, groups)

    def back(gw):
        dg = None
        if ctx.needs[0]:
            dg = _first_windows(convolution(conj_of(x), gw, None, *places), g)
        sizes = tuple(x.shape[2:])
        return dg, convolution_input(conj_of(g), gw, sizes, *places) if ctx.needs[1] else None

    return back


# ---- with PyTorch's arguments ----


def _batched(name: str, n: int, input: Tensor, weight: Tensor) -> tuple[Tensor, bool]:
    """input as [N, C, *S], and whether the batch had to be added."""
    if weight.ndim != n + 2 or input.ndim not in (n + 1, n + 2):
        raise ValueError(
            f"{name}: input {tuple(input.shape)} and weight {tuple(weight.shape)}: {n + 2} dims "
            f"are needed, [N, C, ...] (or {n + 1} for input, without N)"
        )
    return (input.unsqueeze(0), True) if input.ndim == n + 1 else (input, False)


def _check(
    name: str,
    x: Tensor,
    channels: int,
    bias: Tensor | None,
    outputs: int,
    groups: int,
    weight: Tensor,
) -> None:
    if not isinstance(groups, int) or groups < 1:
        raise ValueError(f"{name}: groups must be a positive int, not {groups!r}")
    if x.shape[1] != channels or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: input {tuple(x.shape)} has {x.shape[1]} channels, weight "
            f"{tuple(weight.shape)} with groups {groups} takes {channels}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(
            f"{name}: bias {tuple(bias.shape)} must be [{outputs}], one per output channel"
        )


def conv_nd(name, n, input, weight, bias, stride, padding, dilation, groups) -> Tensor:
    x, alone = _batched(name, n, input, weight)
    _check(name, x, weight.shape[1] * groups, bias, weight.shape[0], groups, weight)
    stride, dilation = per_dim(name, "stride", stride, n), per_dim(name, "dilation", dilation, n)
    if isinstance(padding, str):
        x, padding = _named_padding(name, x, weight, stride, padding, dilation)
    padding = per_dim(name, "padding", padding, n, 0)
    out = convolution(x, weight, bias, stride, padding, dilation, groups)
    return out.squeeze(0) if alone else out


def _named_padding(name, x, weight, stride, padding, dilation) -> tuple[Tensor, Any]:
    if padding == "valid":
        return x, 0
    if padding != "same":
        raise ValueError(f'{name}: padding is a number, "same" or "valid", not {padding!r}')
    if any(s != 1 for s in stride):
        raise ValueError(f'{name}: padding="same" needs stride 1, not {stride}')
    total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    extra = [t % 2 for t in total]  # an odd one: one more behind
    if any(extra):
        x = pad_constant(x, tuple(p for e in reversed(extra) for p in (0, e)), 0)
    return x, tuple(t // 2 for t in total)


def conv_transpose_nd(
    name, n, input, weight, bias, stride, padding, output_padding, groups, dilation
) -> Tensor:
    g, alone = _batched(name, n, input, weight)
    outputs = weight.shape[1] * groups
    _check(name, g, weight.shape[0], bias, outputs, groups, weight)
    stride, dilation = per_dim(name, "stride", stride, n), per_dim(name, "dilation", dilation, n)
    padding = per_dim(name, "padding", padding, n, 0)
    extra = per_dim(name, "output_padding", output_padding, n, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(
            f"{name}: output_padding {extra} must be less than stride {stride} or dilation "
            f"{dilation}"
        )
    sizes = tuple(
        (s - 1) * t - 2 * p + d * (k - 1) + e + 1
        for s, t, p, d, k, e in zip(
            g.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True
        )
    )
    if min(sizes) <= 0:
        raise ValueError(f"{name}: input {tuple(input.shape)} would give sizes {sizes}")
    out = convolution_input(g, weight, sizes, stride, padding, dilation, groups)
    if bias is not None:
        out = out + bias.reshape((outputs, *(1,) * n))
    return out.squeeze(0) if alone else out


def _conv(n: int):
    name = f"conv{n}d"

    def conv(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        return conv_nd(name, n, input, weight, bias, stride, padding, dilation, groups)

    conv.__name__ = conv.__qualname__ = name
    conv.__doc__ = (
        f"Cross-correlation over {n} dim(s). input [N, C, *S] or [C, *S], weight "
        "[O, C / groups, *K], bias [O] -> [N, O, *S'].\n\npadding: zeros on both sides, "
        'or "same" (stride 1: S\' = S) or "valid" (none).'
    )
    return conv


def _conv_transpose(n: int):
    name = f"conv_transpose{n}d"

    def conv_transpose(
        input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        return conv_transpose_nd(
            name, n, input, weight, bias, stride, padding, output_padding, groups, dilation
        )

    conv_transpose.__name__ = conv_transpose.__qualname__ = name
    conv_transpose.__doc__ = (
        f"The adjoint of conv{n}d in its input. input [N, C, *S] or [C, *S], weight "
        "[C, O / groups, *K], bias [O] -> [N, O, *S'], where S' = (S - 1) stride - 2 padding + "
        "dilation (K - 1) + output_padding + 1."
    )
    return conv_transpose


conv1d, conv2d, conv3d = map(_conv, (1, 2, 3))
conv_transpose1d, conv_transpose2d, conv_transpose3d = map(_conv_transpose, (1, 2, 3))
