"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..engine.trace import live
from ..ops.optim import adamw_step_
from ..tensor import Tensor
from .optimizer import Optimizer


class Adam(Optimizer):
    """Adam with bias correction.  (Kingma and Ba 2014)

        m = b1 m + (1 - b1) g            v = b2 v + (1 - b2) g^2
        p = p - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    `weight_decay` here is L2 regularisation: g + weight_decay p takes the place of g.
    """

    state_names = frozenset({"step", "exp_avg", "exp_avg_sq"})
    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def _check(self, settings: Mapping[str, Any]) -> None:
        super()._check(settings)
        if not all(0 <= beta < 1 for beta in settings["betas"]):
            raise ValueError(f"betas must lie in 0..1 (1 excluded), not {settings['betas']}")

    def _update(self, param: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        if not state:
            state["step"] = 0
            state["exp_avg"] = self._zeros(param)
            state["exp_avg_sq"] = self._zeros(param)
        self._count(state)
        number = self._numbers(group)
        adamw_step_(
            param,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            lr=number("lr"),
            beta1=number("betas", 0),
            beta2=number("betas", 1),
            eps=number("eps"),
            weight_decay=number("weight_decay"),
            step=live(lambda: state["step"]),
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam whose weight decay does not pass through the moments: p is first scaled by
    1 - lr weight_decay.  (Loshchilov and Hutter 2017)"""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
