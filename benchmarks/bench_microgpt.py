"""Training microgpt: steps per second, and memory that stays where it is."""

from __future__ import annotations

import gc
import os
from collections import deque
from itertools import islice
from pathlib import Path

import pytest
import vidya
from vidya.train import Run
from vidya_models.microgpt import MicroGPTRecipe

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def start(device, steps, dtype=vidya.float32):
    recipe = MicroGPTRecipe()
    return Run.start(recipe, recipe.Config(steps=steps), device=device, dtype=dtype, seed=42)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def bench_warm(device, dtype, benchmark):
    """100 steps, after 50 in which every length of name has come by."""
    run = start(device, 100_000, getattr(vidya, dtype))
    first = [record.loss for record in islice(run, 50)]
    records = benchmark.pedantic(lambda: list(islice(run, 100)), rounds=5)
    benchmark.extra_info["steps_per_second"] = round(100 / benchmark.stats.stats.min)
    assert sum(r.loss for r in records) / 100 < sum(first) / 50


def bench_cold(device, benchmark):
    """The first step of a run: reading, building, and one step, with most decisions to make."""
    result = benchmark.pedantic(lambda: next(iter(start(device, 10))), rounds=3)
    assert 3 < result.loss < 4


@pytest.mark.slow
def bench_memory_of_10000_steps(device, benchmark):
    """Live bytes and resident memory at the end are those of step 10, give or take the caches."""
    run = start(device, 10_000)
    where = vidya.device(device)

    def settle():
        gc.collect()
        vidya.synchronize(device)
        return vidya.memory_stats(where)["live_bytes"], resident_bytes()

    list(islice(run, 10))
    live, resident = settle()
    deque(islice(run, 490), maxlen=0)  # by now every length of name was met, and planned for
    _, resident_500 = settle()
    benchmark.pedantic(lambda: deque(run, maxlen=0), rounds=1)
    live_after, resident_after = settle()
    benchmark.extra_info.update(
        live_bytes=live_after,
        resident_growth=resident_after - resident,
        resident_growth_after_step_500=resident_after - resident_500,
        steps_per_second=round(9_500 / benchmark.stats.stats.min),
    )
    assert live_after == live
    assert resident_after - resident < 8 << 20
    assert resident_after - resident_500 < 1 << 20
