"""Batch, group and instance norm: channels normalised by their own statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..engine.grad_modes import no_grad
from ..schema import op
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("channel_norm")
def channel_norm(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, groups=0, eps=1e-5
) -> tuple[Tensor, Tensor, Tensor]:
    """(y, mean, var): y = (x - mean) / sqrt(var + eps) weight + bias, var without correction.

    x [N, C, ...]; statistics of every channel over the batch [C], or of `groups` groups of channels
    of each sample [N, groups], in float32 or wider. weight and bias [C].
    """
    wide = _by_group(cast_to(x, accumulation(x.dtype)), groups)
    dims = _others(wide, groups)
    mean = wide.mean(dims, True)
    centered = wide - mean
    var = (centered * centered).mean(dims, True)
    y = cast_to(centered * (var + eps).rsqrt(), x.dtype).reshape(x.shape)
    shape = wide.shape[:2] if groups else wide.shape[1:2]
    return _affine(y, weight, bias), mean.reshape(shape), var.reshape(shape)


def _by_group(x: Tensor, groups: int) -> Tensor:
    """[N, groups, the rest] if there are groups, else x itself."""
    if not groups:
        return x
    return x.reshape(x.shape[0], groups, x.numel() // max(x.shape[0] * groups, 1))


def _others(x: Tensor, groups: int) -> tuple[int, ...]:
    """The dims over which statistics are taken, of _by_group(x)."""
    return (2,) if groups else (0, *range(2, x.ndim))


def _beside(stats: Tensor, x: Tensor, groups: int) -> Tensor:
    """Statistics shaped to broadcast against _by_group(x)."""
    return stats.unsqueeze(-1) if groups else stats.reshape(1, -1, *(1,) * (x.ndim - 2))


@channel_norm.pullback(saves="x weight out")
def _(ctx, x, weight, bias, groups, eps):
    _, mean, var = ctx.out
    parts = _by_group(x, groups)
    n = math.prod(parts.shape[d] for d in _others(parts, groups))

    def back(g, g_mean, g_var):
        dx = dw = db = None
        if g is not None:
            if weight is None:
                dx = channel_norm_backward(g, x, mean, var, weight, groups, eps)
            else:
                dx, dw, db = channel_norm_backward(g, x, mean, var, weight, groups, eps)
            if weight is None and bias is not None:
                db = g.sum((0, *range(2, g.ndim)))
        part = None
        if g_mean is not None:
            part = (_beside(g_mean, parts, groups) * (1.0 / n)).expand(parts.shape)
        if g_var is not None:
            away = (parts - _beside(mean, parts, groups)) * (2.0 / n)
            away = _beside(g_var, parts, groups) * away
            part = away if part is None else part + away
        if part is not None:
            part = part.reshape(x.shape)
            dx = part if dx is None else dx + part
        return dx, dw, None if bias is None else db

    return back


@op("channel_norm_backward")
def channel_norm_backward(
    g: Tensor, x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, groups=0, eps=1e-5
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """dx, and with a weight (dx, dweight, dbias).

    dx = (h - mean(h) - y mean(h y)) / sqrt(var + eps) with h = g weight, y = x normalised.
    """
    wide = accumulation(x.dtype)
    gw = cast_to(g, wide)
    parts = _by_group(cast_to(x, wide), groups)
    dims = _others(parts, groups)
    spread = (_beside(var, parts, groups) + eps).rsqrt()
    y = (parts - _beside(mean, parts, groups)) * spread
    h = _by_group(_affine(gw, weight, None), groups)
    inner = h - h.mean(dims, True) - y * (h * y).mean(dims, True)
    dx = cast_to((inner * spread).reshape(x.shape), x.dtype)
    if weight is None:
        return dx
    over = (0, *range(2, x.ndim))
    dw, db = (gw * y.reshape(x.shape)).sum(over), gw.sum(over)
    return dx, cast_to(dw, weight.dtype), cast_to(db, weight.dtype)


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """x * weight + bias, one of each per channel (dim 1)."""
    shape = (1, -1, *(1,) * (x.ndim - 2))
    x = x if weight is None else x * weight.reshape(shape)
    return x if bias is None else x + bias.reshape(shape)


def _channels(name: str, x: Tensor, least: int, **params: Tensor | None) -> None:
    if not x.dtype.is_floating_point:
        raise TypeError(f"{name}: takes floating tensors, not {x.dtype.name}")
    if x.ndim < least:
        raise ValueError(f"{name}: takes [N, C, ...] of {least} or more dims, got {tuple(x.shape)}")
    for what, p in params.items():
        if p is not None and p.shape != x.shape[1:2]:
            raise ValueError(
                f"{name}: {what} {tuple(p.shape)} must be [{x.shape[1]}], one per channel of "
                f"{tuple(x.shape)}"
            )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel (dim 1) brought to mean 0 and variance 1 over the other dims.

    training: by the batch's own statistics, which move the running ones, in place, by `momentum`
    (the variance with Bessel's correction); else by the running ones. (Ioffe and Szegedy, 2015)
    """
    _channels(
        "batch_norm", input, 2, running_mean=running_mean, running_var=running_var, weight=weight,
        bias=bias,
    )  # fmt: skip
    shape = (1, input.shape[1], *(1,) * (input.ndim - 2))
    if not training:
        if running_mean is None or running_var is None:
            raise ValueError("batch_norm: without training it needs running_mean and running_var")
        scale = (running_var.reshape(shape) + eps).rsqrt()
        wide = input.to(accumulation(input.dtype))
        y = ((wide - running_mean.reshape(shape)) * scale).to(input.dtype)
        return _affine(y, weight, bias)
    n = input.numel() // max(input.shape[1], 1)
    if n < 2:
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, got {tuple(input.shape)}"
        )
    y, mean, var = channel_norm(input, weight, bias, 0, float(eps))
    if running_mean is not None or running_var is not None:
        with no_grad():
            _move(running_mean, mean, momentum)
            _move(running_var, var * (n / (n - 1)), momentum)
    return y


def _move(running: Tensor | None, value: Tensor, momentum: float) -> None:
    if running is not None:
        value = value.detach().reshape(running.shape).to(running.dtype)
        running.copy_(running * (1 - momentum) + value * momentum)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel of every sample normalised over [N, C, *S]'s S. (Ulyanov et al., 2016)

    Without use_input_stats by the running statistics, as batch_norm.
    """
    _channels(
        "instance_norm", input, 3, running_mean=running_mean, running_var=running_var,
        weight=weight, bias=bias,
    )  # fmt: skip
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    n = math.prod(input.shape[2:])
    if n < 2:
        raise ValueError(
            f"instance_norm: needs more than one value per channel, got {tuple(input.shape)}"
        )
    y, mean, var = channel_norm(input, weight, bias, input.shape[1], float(eps))
    if running_mean is not None or running_var is not None:
        with no_grad():
            _move(running_mean, mean.mean(0), momentum)
            _move(running_var, var.mean(0) * (n / (n - 1)), momentum)
    return y


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Groups of channels of a sample normalised together. input [N, C, ...]. (Wu and He, 2018)"""
    _channels("group_norm", input, 2, weight=weight, bias=bias)
    if num_groups < 1 or input.shape[1] % num_groups:
        raise ValueError(
            f"group_norm: {input.shape[1]} channels of {tuple(input.shape)} do not make "
            f"{num_groups} groups"
        )
    return channel_norm(input, weight, bias, num_groups, float(eps))[0]


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha mean(x^2))^beta, the mean over `size` neighbouring channels; zeros outside.

    (Krizhevsky, Sutskever and Hinton, 2012)
    """
    from .pool import avg_pool1d

    if input.ndim < 3:
        raise ValueError(f"local_response_norm: takes [N, C, ...], got {tuple(input.shape)}")
    from .pad import pad

    if not input.numel():
        return input.clone()
    flat = (input * input).reshape(*input.shape[:2], -1).movedim(1, -1)  # [N, S, C]
    mean = avg_pool1d(pad(flat, (size // 2, (size - 1) // 2)), size, 1)
    return input / (mean.movedim(-1, 1).reshape(input.shape) * alpha + k) ** beta
