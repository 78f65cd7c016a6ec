"""Muon: momentum whose update is brought to the nearest orthogonal matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine import trace as tracing
from ..schema import IN_PLACE, op
from .elementwise import (
    maximum,
    where,
)
from .rules import Operand, accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor

# Five rounds of X (a + b X^T X + c (X^T X)^2), each with its own polynomial
# (Amsel et al., The Polar Express, 2025).
COEFFICIENTS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)


@op("newton_schulz", differentiable=False)
def newton_schulz(g: Tensor, steps=5) -> Tensor:
    """U V^T, nearly, for g = U S V^T. g [..., M, N] -> same shape, in float32 or wider.

    (Jordan et al., Muon, 2024)
    """
    if g.ndim < 2:
        raise ValueError(f"newton_schulz: takes matrices, got {tuple(g.shape)}")
    if not 0 < steps <= len(COEFFICIENTS):
        raise ValueError(f"newton_schulz: steps must be from 1 to {len(COEFFICIENTS)}, not {steps}")
    x = cast_to(g, accumulation(g.dtype))
    x = x / ((x * x).sum((-2, -1), True).sqrt() * 1.02 + 1e-6)
    tall = g.shape[-2] > g.shape[-1]
    for a, b, c in COEFFICIENTS[:steps]:
        gram = x.mT @ x if tall else x @ x.mT
        poly = gram * b + (gram @ gram) * c
        x = x * a + (x @ poly if tall else poly @ x)
    return x


@op("muon_step", differentiable=False)
def muon_step(
    p: Tensor, g: Tensor, buf: Tensor, second: Tensor, lr: Operand, momentum: Operand,
    beta2: Operand, weight_decay: Operand,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """New (p, buf, second) of matrices [..., M, N]; second is [..., M, 1] or [..., 1, N].

    buf = lerp(buf, g, 1 - momentum); u = newton_schulz(lerp(g, buf, momentum)); NorMuon: u by the
    running second moment of its rows (M >= N) or columns, at its former norm; weight decay only
    where u and p agree in sign. p -= lr u + lr weight_decay p. (Li et al., NorMuon, 2025)
    """
    wide = accumulation(p.dtype)
    pw, g = cast_to(p, wide), cast_to(g, wide)
    new = buf + (g - buf) * (1 - momentum)
    u = newton_schulz(g + (new - g) * momentum)
    along = -1 if p.shape[-2] >= p.shape[-1] else -2
    if second.shape != tuple(1 if d == p.ndim + along else s for d, s in enumerate(p.shape)):
        raise ValueError(
            f"muon_step: second {tuple(second.shape)} does not fit p {tuple(p.shape)}: it keeps "
            f"one number per {'row' if along == -1 else 'column'}"
        )
    square = (u * u).mean(along, True)
    moment = second + (square - second) * (1 - beta2)
    scale = maximum(moment, 1e-10).rsqrt()
    size = p.shape[along]
    before = (square.sum((-2, -1), True) * size).sqrt()
    after = ((square * scale * scale).sum((-2, -1), True) * size).sqrt()
    u = u * (scale * (before / maximum(after, 1e-10)))
    decay = where(u * pw >= 0, pw, 0.0) * weight_decay
    return (
        cast_to(pw - lr * (u + decay), p.dtype),
        cast_to(new, buf.dtype),
        cast_to(moment, second.dtype),
    )


@op("muon_step_", IN_PLACE, differentiable=False)
def muon_step_(
    p: Tensor, g: Tensor, buf: Tensor, second: Tensor, lr: Operand, momentum: Operand,
    beta2: Operand, weight_decay: Operand,
) -> Tensor:  # fmt: skip
    """muon_step, writing p, buf and second in place."""
    new = muon_step(p, g, buf, second, lr, momentum, beta2, weight_decay)
    for target, value in zip((p, buf, second), new, strict=True):
        tracing.current().write(target, value)
