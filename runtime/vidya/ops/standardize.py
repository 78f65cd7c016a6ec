"""Normalisation over any dims: what batch, group and instance norm share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..engine.autograd import no_grad
from ..schema import op
from .rules import accumulation, cast_to, wrap_dims

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("standardize")
def standardize(x: Tensor, dims, eps=1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """(y, mean, var): y = (x - mean) / sqrt(var + eps) over `dims`, var without correction.

    Statistics, in float32 or wider, keep the dims at size 1.
    """
    wide = cast_to(x, accumulation(x.dtype))
    mean = wide.mean(dims, True)
    centered = wide - mean
    var = (centered * centered).mean(dims, True)
    return cast_to(centered * (var + eps).rsqrt(), x.dtype), mean, var


@standardize.pullback(saves="x out")
def _(ctx, x, dims, eps):
    y, mean, var = ctx.out
    n = math.prod(x.shape[d] for d in wrap_dims("standardize", dims, x.ndim))

    def back(g, g_mean, g_var):
        dx = None
        if g is not None:
            dx = standardize_backward(g, y, var, dims, eps)
        if g_mean is not None:
            part = (g_mean * (1.0 / n)).expand(x.shape)
            dx = part if dx is None else dx + part
        if g_var is not None:
            part = g_var * (x - mean) * (2.0 / n)
            dx = part if dx is None else dx + part
        return dx

    return back


@op("standardize_backward")
def standardize_backward(g: Tensor, y: Tensor, var: Tensor, dims, eps=1e-5) -> Tensor:
    """(g - mean(g) - y mean(g y)) / sqrt(var + eps), from the result y."""
    wide = accumulation(y.dtype)
    gw, yw = cast_to(g, wide), cast_to(y, wide)
    inner = gw - gw.mean(dims, True) - yw * (gw * yw).mean(dims, True)
    return cast_to(inner * (var + eps).rsqrt(), y.dtype)


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
    dims = (0, *range(2, input.ndim))
    n = input.numel() // max(input.shape[1], 1)
    if n < 2:
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, got {tuple(input.shape)}"
        )
    y, mean, var = standardize(input, dims, float(eps))
    with no_grad():
        _move(running_mean, mean, momentum)
        _move(running_var, var * (n / (n - 1)), momentum)
    return _affine(y, weight, bias)


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
    y, mean, var = standardize(input, tuple(range(2, input.ndim)), float(eps))
    with no_grad():
        _move(running_mean, mean.mean(0), momentum)
        _move(running_var, var.mean(0) * (n / (n - 1)), momentum)
    return _affine(y, weight, bias)


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
    grouped = input.reshape(
        input.shape[0], num_groups, input.numel() // max(input.shape[0] * num_groups, 1)
    )
    y, _, _ = standardize(grouped, (2,), float(eps))
    return _affine(y.reshape(input.shape), weight, bias)


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

    flat = (input * input).reshape(*input.shape[:2], -1).movedim(1, -1)  # [N, S, C]
    mean = avg_pool1d(pad(flat, (size // 2, (size - 1) // 2)), size, 1)
    return input / (mean.movedim(-1, 1).reshape(input.shape) * alpha + k) ** beta
