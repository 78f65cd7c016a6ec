"""Two ways to do one thing, measured in turns so that a noisy minute is noisy for both."""

from __future__ import annotations

import random
import statistics
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass

# Slower than the peer by less than this is not told from noise.
NOISE = 1.05
# Thread pools spin for a while after their last call and would slow the other side's turn.
SETTLE = 0.02


@dataclass(frozen=True)
class Ratio:
    """Median seconds of one call, ours and the peer's."""

    name: str
    ours: float
    peer: float

    @property
    def value(self) -> float:
        return self.ours / self.peer

    def __str__(self) -> str:
        verdict = "" if self.value <= NOISE else "   SLOWER"
        return (
            f"{self.name:<34} {_time(self.ours):>10} {_time(self.peer):>10} "
            f"{self.value:>6.2f}{verdict}"
        )


HEADER = f"{'':<34} {'vidya':>10} {'torch':>10} {'ratio':>6}"


def _time(seconds: float) -> str:
    for unit, scale in (("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.2f} {unit}"
    return f"{seconds:.2f} s"


def interleaved(
    name: str,
    ours: timeit.Timer,
    peer: timeit.Timer,
    *,
    after: Callable[[], object],
    rounds: int = 21,
    round_seconds: float = 0.05,
) -> Ratio:
    """Median time per call of both, in rounds of random order; `after` empties our queue."""

    def run(timer: timeit.Timer, count: int) -> float:
        time.sleep(SETTLE)
        timer.timeit(1)  # and our own threads, data and caches are there again
        total = timer.timeit(count)
        if timer is ours:
            total += timeit.timeit(after, number=1)
        return total / count

    counts = {}
    for timer in (ours, peer):
        run(timer, 3)  # the first calls decide and allocate
        counts[timer] = max(1, int(round_seconds / max(run(timer, 3), 1e-9)))
    times = {ours: [], peer: []}
    for _ in range(rounds):
        for timer in random.sample([ours, peer], 2):
            times[timer].append(run(timer, counts[timer]))
    return Ratio(name, *(statistics.median(times[timer]) for timer in (ours, peer)))
