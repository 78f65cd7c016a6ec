"""Things to do with the gradients of many parameters at once."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...engine.grad_modes import no_grad
from ...errors import TrainingError
from ...functions.construct import tensor
from ...ops.magnitude import vector_norm
from ...ops.parts import stack
from ...ops.rules import accumulation
from ...tensor import Tensor


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by one factor so that their joint norm is at most `max_norm`.

    Returns the norm before scaling, a 0-d tensor.  Nothing waits for the device unless
    `error_if_nonfinite` asks (TrainingError) whether the norm is a number.
    """
    grads = _grads(parameters)
    if not grads:
        return tensor(0.0)
    with no_grad():
        total = _norm(grads, float(norm_type))
        if error_if_nonfinite and not math.isfinite(total.item()):
            raise TrainingError(
                f"the norm of the gradients is {total.item()}; lower the learning rate"
            )
        factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factor.to(device=grad.device, dtype=grad.dtype))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Bring every element of every gradient into [-clip_value, clip_value]."""
    with no_grad():
        for grad in _grads(parameters):
            grad.clamp_(-clip_value, clip_value)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    params = [parameters] if isinstance(parameters, Tensor) else parameters
    return [param.grad for param in params if param.grad is not None]


def _norm(grads: list[Tensor], p: float) -> Tensor:
    home = grads[0].device
    wide = [grad.to(dtype=accumulation(grad.dtype)) for grad in grads]
    if p == math.inf:
        parts = [grad.abs().amax() for grad in wide]
    elif p == 2.0:
        parts = [vector_norm(grad) for grad in wide]
    else:
        parts = [(grad.abs() ** p).sum() for grad in wide]
    stacked = stack([part.to(device=home) for part in parts])
    if p == 2.0:
        return vector_norm(stacked)
    return stacked.amax() if p == math.inf else stacked.sum() ** (1.0 / p)
