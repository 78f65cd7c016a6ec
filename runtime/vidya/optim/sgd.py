"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..engine.trace import live
from ..ops.optim import sgd_step_
from ..tensor import Tensor
from .optimizer import Optimizer


class SGD(Optimizer):
    """p = p - lr g, with momentum and weight decay if asked for, as in PyTorch.

    g = g + weight_decay p
    buf = momentum buf + (1 - dampening) g      (at first: buf = g)
    p = p - lr buf                              (nesterov: g + momentum buf)
    """

    state_names = frozenset({"momentum_buffer"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    def _check(self, settings: Mapping[str, Any]) -> None:
        super()._check(settings)
        if settings["nesterov"] and (settings["momentum"] <= 0 or settings["dampening"] != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")

    def _update(self, param: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        first = "momentum_buffer" not in state
        if group["momentum"] and first:
            state["momentum_buffer"] = self._zeros(param)
        number = self._numbers(group)
        starting = [True] if first else []

        def dampening() -> float:
            """The first gradient starts the (zero) buffer undamped."""
            return 0.0 if starting and starting.pop() else group["dampening"]

        sgd_step_(
            param,
            grad,
            state.get("momentum_buffer"),
            lr=number("lr"),
            momentum=number("momentum"),
            dampening=live(dampening, like=0.0),
            weight_decay=number("weight_decay"),
            nesterov=group["nesterov"],
        )
