"""Learning-rate schedules: pure functions from a step (0, 1, 2 ...) to a factor of the base rate.

    lr = 0.01 * linear(step, total=1000)

Being pure, they need no state in a checkpoint: the step says it all.
"""

from __future__ import annotations

import math


def constant(step: int) -> float:
    """1 at every step."""
    return 1.0


def linear(step: int, total: int, end: float = 0.0) -> float:
    """From 1 at step 0 straight down to `end` at step `total`."""
    left = 1 - min(step, total) / total
    return left if end == 0.0 else end + (1 - end) * left


def cosine(step: int, total: int, warmup: int = 0, end: float = 0.0) -> float:
    """Up in a line for `warmup` steps, then half a cosine from 1 down to `end` at step `total`.

    (Loshchilov and Hutter 2016, without restarts.)  Step 0 learns at 1 / warmup.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return end + (1 - end) * (1 + math.cos(math.pi * progress)) / 2


def warmdown(step: int, total: int, fraction: float = 0.5, end: float = 0.0) -> float:
    """1, then over the last `fraction` of the steps straight down to `end` at step `total`."""
    left = (total - min(step, total)) / total
    if fraction <= 0 or left >= fraction:
        return 1.0
    return end + (1 - end) * left / fraction
