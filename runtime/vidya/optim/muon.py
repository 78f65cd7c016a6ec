"""Muon, for the matrices inside of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..engine.trace import live
from ..ops.muon import muon_step_
from ..tensor import Tensor
from .optimizer import Optimizer


class Muon(Optimizer):
    """Momentum brought to the nearest orthogonal matrix, its rows (or columns) evened out.

        buf = lerp(buf, g, 1 - momentum);  u = orthogonal(lerp(g, buf, momentum))
        u scaled by a running second moment per row (rows >= columns) or column
        p = p - lr sqrt(max(1, rows / columns)) (u + weight_decay p [u p >= 0])

    Takes parameters of two or more dims, the last two being the matrix; embeddings, heads and
    gains are better left to AdamW.  (Jordan et al., Muon, 2024; Li et al., NorMuon, 2025)
    """

    state_names = frozenset({"momentum_buffer", "second_moment"})

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.04,
        momentum: float = 0.95,
        beta2: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "momentum": momentum, "beta2": beta2, "weight_decay": weight_decay}
        )

    def _check(self, settings: Mapping[str, Any]) -> None:
        super()._check(settings)
        if not (0 <= settings["momentum"] < 1 and 0 <= settings["beta2"] < 1):
            raise ValueError(
                f"momentum and beta2 must lie in 0..1 (1 excluded), not {settings['momentum']} "
                f"and {settings['beta2']}"
            )
        for param in settings["params"]:
            if param.ndim < 2:
                raise ValueError(
                    f"Muon trains matrices, not {tuple(param.shape)}; use AdamW for it"
                )

    def _update(self, param: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        rows, columns = param.shape[-2:]
        if not state:
            state["momentum_buffer"] = self._zeros(param)
            kept = (rows, 1) if rows >= columns else (1, columns)
            state["second_moment"] = self._zeros(param, (*param.shape[:-2], *kept))
        number = self._numbers(group)
        shape = max(1.0, rows / columns) ** 0.5
        muon_step_(
            param,
            grad,
            state["momentum_buffer"],
            state["second_moment"],
            lr=live(lambda: group["lr"] * shape, (id(group), "lr", shape)),
            momentum=number("momentum"),
            beta2=number("beta2"),
            weight_decay=number("weight_decay"),
        )
