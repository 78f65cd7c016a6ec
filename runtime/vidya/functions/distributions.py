"""Draws from distributions that a tensor describes: coins, dice, counts, normals."""

from __future__ import annotations

from typing import Any

from .. import _core, dtypes
from ..ops.compare import isfinite
from ..ops.elementwise import (
    minimum,
    where,
)
from ..ops.rules import accumulation
from ..ops.sets import searchsorted
from ..random import Generator, rand, rand_like, randint, randn, randn_like
from ..tensor import Tensor


def coins(x: Tensor, p: Any, generator: Generator | None = None) -> Tensor:
    """1 at probability p (a number or a tensor), else 0, in x's shape and dtype."""
    wide = x.dtype if x.dtype.is_floating_point else dtypes.default_float()
    drawn = rand(*x.shape, dtype=wide, device=x.device, generator=generator)
    return (drawn < p).to(x.dtype)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 at the probability that the element of `input` (or p) says, else 0."""
    if p is None and not input.dtype.is_floating_point:
        raise TypeError(f"bernoulli: probabilities are floats, not {input.dtype.name}")
    if p is not None and not 0 <= p <= 1:
        raise ValueError(f"bernoulli: the probability must be from 0 to 1, got {p}")
    return coins(input, input.detach() if p is None else p, generator)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn with the weights of each row of `input` [..., C] (1 or 2 dims). int64

    Weights need not sum to 1; one of 0 is never drawn. Without replacement no index comes twice.
    """
    if input.ndim not in (1, 2) or not input.dtype.is_floating_point:
        raise ValueError(
            f"multinomial: takes floats [C] or [N, C], not {input.dtype.name} {tuple(input.shape)}"
        )
    weights = input.detach()
    if weights.dtype.itemsize < 4:
        weights = weights.float()
    if num_samples < 1 or (not replacement and num_samples > weights.shape[-1]):
        raise ValueError(
            f"multinomial: cannot draw {num_samples} of {weights.shape[-1]}"
            + ("" if replacement else " without replacement")
        )
    if _core.current_trace() is None:  # a traced function cannot look at its data
        _check(weights, 1 if replacement else num_samples)
    if not replacement:  # the smallest of exponential times of these rates (Efraimidis, Spirakis)
        times = -(1 - rand_like(weights, generator=generator)).log() / weights
        times = where(weights > 0, times, float("inf"))
        return times.topk(num_samples, -1, False)[1]
    total = weights.cumsum(-1)
    shape = (*weights.shape[:-1], num_samples)
    at = rand(*shape, dtype=weights.dtype, device=weights.device, generator=generator)
    found = searchsorted(total, at * total.narrow(-1, total.shape[-1] - 1, 1), right=True)
    last = (weights > 0).to(dtypes.int64).cumsum(-1).argmax(-1, True)  # rounding may step past it
    return minimum(found, last)


def _check(weights: Tensor, least: int) -> None:
    if not bool(((weights >= 0) & (weights < float("inf"))).all()):
        raise ValueError("multinomial: weights must be finite and not negative")
    if bool(((weights > 0).sum(-1) < least).any()):
        raise ValueError(f"multinomial: a row has fewer than {least} weights above 0")


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Normal numbers: normal(mean, std) with tensors (or one), or normal(0.0, 1.0, (2, 3))."""
    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if not tensors:
        if size is None:
            raise TypeError("normal: give a size, or mean or std as a tensor")
        return randn(*size, dtype=dtype, device=device, generator=generator) * std + mean
    like = (tensors[0] + tensors[1]) if len(tensors) == 2 else tensors[0]
    return randn_like(like.detach(), generator=generator) * std + mean


def randint_like(
    x: Tensor,
    low: int,
    high: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    generator: Generator | None = None,
) -> Tensor:
    """Whole numbers from low (0 if only one is given) to high - 1, in x's shape."""
    return randint(
        low,
        high,
        tuple(x.shape),
        dtype=dtype or x.dtype,
        device=device or x.device,
        generator=generator,
    )


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Counts of events at the rates of `input`, in its shape and dtype.

    Below 10 by counting exponential times until they pass 1; above by transformed rejection, whose
    number of rounds does not depend on the rate (Hoermann, 1993: algorithm PTRS).
    """
    if not input.dtype.is_floating_point:
        raise TypeError(f"poisson: rates are floats, not {input.dtype.name}")
    rates = input.detach()
    if not bool(((rates >= 0) & isfinite(rates)).all()):
        raise ValueError("poisson: rates must be finite and not negative")
    wide = rates.to(accumulation(rates.dtype))
    low = _counted(wide.clamp(None, _FEW), generator)
    if not bool((wide > _FEW).any()):
        return low.to(rates.dtype)
    return where(wide > _FEW, _rejected(wide.clamp(_FEW), generator), low).to(rates.dtype)


_FEW = 10.0


def _counted(rates: Tensor, generator: Generator | None) -> Tensor:
    count = rates * 0
    time = -(1 - rand_like(rates, generator=generator)).log()
    while bool((time < rates).any()):
        count = count + (time < rates).to(rates.dtype)
        time = time - (1 - rand_like(rates, generator=generator)).log()
    return count


def _rejected(rates: Tensor, generator: Generator | None) -> Tensor:
    b = 0.931 + 2.53 * rates.sqrt()
    a = -0.059 + 0.02483 * b
    scale = (1.1239 + 1.1328 / (b - 3.4)).log()
    sure = 0.9277 - 3.6224 / (b - 2)
    count, open_ = rates * 0, rates == rates
    while bool(open_.any()):
        u = rand_like(rates, generator=generator) - 0.5
        v = 1 - rand_like(rates, generator=generator)
        us = 0.5 - u.abs()
        k = ((2 * a / us + b) * u + rates + 0.43).floor()
        likely = v.log() + scale - (a / (us * us) + b).log() <= (
            k * rates.log() - rates - (k.clamp(0) + 1).lgamma()
        )
        possible = (k >= 0) & ((us >= 0.013) | (v <= us))
        taken = open_ & (((us >= 0.07) & (v <= sure)) | (possible & likely))
        count = where(taken, k, count)
        open_ = open_ & ~taken
    return count
