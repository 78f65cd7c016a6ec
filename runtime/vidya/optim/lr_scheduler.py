"""Setting an optimizer's learning rate step by step.

Every rate is a function of the step and of the rate at the start, so a step can be repeated, left
out or gone back to, and a checkpoint needs no more than the step.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.trace import act
from .optimizer import Optimizer


class LRScheduler:
    """Base of all schedulers: a subclass says `_rate(base, step, group)`; step() goes on by one."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def _rate(self, base: float, step: int, group: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} defines no _rate()")

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to step `epoch`.

        In a compiled function, every run goes on by one (or to `epoch`).
        """
        act(lambda: self._go(epoch))

    def _go(self, epoch: int | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        rows = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        for i, (group, base) in enumerate(rows):
            group["lr"] = self._rate(base, self.last_epoch, i)

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base_lrs = list(state_dict["base_lrs"])
        self.step(state_dict["last_epoch"])


class LambdaLR(LRScheduler):
    """lr = initial lr * lr_lambda(step), for each group.

        scheduler = LambdaLR(optimizer, lambda step: schedules.linear(step, total=1000))

    One function for all groups, or a list with one for each.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        self.lr_lambdas = lr_lambda if isinstance(lr_lambda, list) else [lr_lambda] * len(groups)
        if len(self.lr_lambdas) != len(groups):
            raise ValueError(f"{len(self.lr_lambdas)} schedules for {len(groups)} parameter groups")
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        return base * self.lr_lambdas[group](step)


class StepLR(LRScheduler):
    """Times gamma after every step_size steps."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        return base * self.gamma ** (step // self.step_size)


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, step)


class ExponentialLR(LRScheduler):
    """Times gamma at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        return base * self.gamma**step


class LinearLR(LRScheduler):
    """From start_factor of the rate to end_factor of it in a line of total_iters steps: a warm-up,
    as it stands."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: factors are above 0 (the end's may be 0) and up to 1, "
                f"got {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        part = min(step, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the rate down to eta_min at step T_max, and up again after it.

    (Loshchilov and Hutter, SGDR, 2016, without restarts)
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _rate(self, base: float, step: int, group: int) -> float:
        return (
            self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * step / self.T_max)) / 2
        )
