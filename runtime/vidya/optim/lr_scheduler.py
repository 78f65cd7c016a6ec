"""Setting an optimizer's learning rate from a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.trace import act
from .optimizer import Optimizer


class LambdaLR:
    """lr = initial lr * lr_lambda(step), for each group; `step()` goes on to the next step.

        scheduler = LambdaLR(optimizer, lambda step: schedules.linear(step, total=1000))

    One function for all groups, or a list with one for each.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = optimizer
        groups = optimizer.param_groups
        self.lr_lambdas = lr_lambda if isinstance(lr_lambda, list) else [lr_lambda] * len(groups)
        if len(self.lr_lambdas) != len(groups):
            raise ValueError(f"{len(self.lr_lambdas)} schedules for {len(groups)} parameter groups")
        for group in groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in groups]
        self.last_epoch = last_epoch
        self.step()

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to step `epoch`.

        In a compiled function, every run goes on by one (or to `epoch`).
        """
        act(lambda: self._go(epoch))

    def _go(self, epoch: int | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rows = zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True)
        for group, base, schedule in rows:
            group["lr"] = base * schedule(self.last_epoch)

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base_lrs = list(state_dict["base_lrs"])
        self.step(state_dict["last_epoch"])
