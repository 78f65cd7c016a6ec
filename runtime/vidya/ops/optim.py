"""Optimizer steps as one op each; lr and the like may change without a new plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine import trace as tracing
from ..schema import IN_PLACE, op
from .rules import Operand, accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("adamw_step", differentiable=False)
def adamw_step(
    p: Tensor, g: Tensor, m: Tensor, v: Tensor, lr: Operand, beta1: Operand, beta2: Operand,
    eps: Operand, weight_decay: Operand, step: Operand, decoupled=True,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """New (p, m, v). step counts from 1; decoupled: AdamW, else Adam with g + weight_decay p.

    (Kingma and Ba, 2014; Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017)
    """
    wide = accumulation(p.dtype)
    pw, g = cast_to(p, wide), cast_to(g, wide)
    if decoupled:
        pw = pw * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * pw
    m2 = beta1 * m + (1 - beta1) * g
    v2 = beta2 * v + (1 - beta2) * (g * g)
    step_size = lr / (1 - beta1**step)
    denominator = (v2 / (1 - beta2**step)).sqrt() + eps
    p2 = pw - step_size * m2 / denominator
    return cast_to(p2, p.dtype), cast_to(m2, m.dtype), cast_to(v2, v.dtype)


@op("adamw_step_", IN_PLACE, differentiable=False)
def adamw_step_(
    p: Tensor, g: Tensor, m: Tensor, v: Tensor, lr: Operand, beta1: Operand, beta2: Operand,
    eps: Operand, weight_decay: Operand, step: Operand, decoupled=True,
) -> Tensor:  # fmt: skip
    """adamw_step, writing p, m and v in place."""
    new = adamw_step(p, g, m, v, lr, beta1, beta2, eps, weight_decay, step, decoupled)
    for target, value in zip((p, m, v), new, strict=True):
        tracing.current().write(target, value)


@op("sgd_step", differentiable=False)
def sgd_step(
    p: Tensor, g: Tensor, buf: Tensor | None, lr: Operand, momentum: Operand,
    dampening: Operand, weight_decay: Operand, nesterov=False,
):  # fmt: skip
    """New p, and the new momentum buffer if there is one (zeros before the first step)."""
    wide = accumulation(p.dtype)
    pw = cast_to(p, wide)
    g = cast_to(g, wide) + weight_decay * pw
    if buf is None:
        return cast_to(pw - lr * g, p.dtype)
    new = momentum * buf + (1 - dampening) * g
    used = g + momentum * new if nesterov else new
    return cast_to(pw - lr * used, p.dtype), cast_to(new, buf.dtype)


@op("sgd_step_", IN_PLACE, differentiable=False)
def sgd_step_(
    p: Tensor, g: Tensor, buf: Tensor | None, lr: Operand, momentum: Operand,
    dampening: Operand, weight_decay: Operand, nesterov=False,
) -> Tensor:  # fmt: skip
    """sgd_step, writing p and buf in place."""
    trace = tracing.current()
    new = sgd_step(p, g, buf, lr, momentum, dampening, weight_decay, nesterov)
    if buf is None:
        trace.write(p, new)
    else:
        trace.write(p, new[0])
        trace.write(buf, new[1])
