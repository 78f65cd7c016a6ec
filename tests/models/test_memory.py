"""Training leaves live bytes and resident memory where the first steps left them."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import deque
from itertools import islice
from pathlib import Path

import pytest
import vidya
from vidya.train import Run
from vidya_models.microgpt import MicroGPTRecipe

STEPS = 300
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def settled(device) -> tuple[int, int]:
    gc.collect()
    device.synchronize()
    return vidya.memory_stats(device)["live_bytes"], resident_bytes()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_memory_is_flat_after_step_10(device, tmp_path):
    # Names of one length, so that every shape was met by step 10 and nothing new is planned.
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{a}n{b}ra\n" for a in "bcdfghklmn" for b in "aeiou"))
    recipe = MicroGPTRecipe()
    run = Run.start(recipe, recipe.Config(steps=STEPS + 1), names, device=device, seed=1)
    where = vidya.device(device)

    deque(islice(run, 10), maxlen=0)
    live, resident = settled(where)
    peak = vidya.memory_stats(where)["peak_bytes"]
    allocations = vidya.memory_stats(where)["allocations"]
    deque(islice(run, STEPS - 10), maxlen=0)  # the run's last step also checks its weights
    live_after, resident_after = settled(where)

    assert run.step == STEPS
    assert live_after == live
    assert vidya.memory_stats(where)["peak_bytes"] == peak
    if where.info["strided"]:  # elsewhere the backend makes each result itself
        assert vidya.memory_stats(where)["allocations"] == allocations  # the cache serves them all
    assert resident_after - resident < 1 << 20


def test_a_tensor_that_nobody_holds_is_freed_at_once(device):
    where = vidya.device(device)
    gc.collect()
    gc.disable()
    try:
        live = vidya.memory_stats(where)["live_bytes"]
        x = vidya.ones(100, 100, device=device, requires_grad=True)
        loss = (x @ x).relu().sum()
        loss.backward()
        assert vidya.memory_stats(where)["live_bytes"] >= live + 2 * 40_000
        del loss, x  # no cycle keeps them until the garbage collector comes by
        assert vidya.memory_stats(where)["live_bytes"] == live
    finally:
        gc.enable()


SCRIPT = """
import vidya
for n in range(1, 200):
    vidya.ones(n * 1000, device="numpy")
    assert vidya.memory_stats("numpy")["cached_bytes"] <= 1_000_000
assert vidya.memory_stats("numpy")["cached_bytes"] > 500_000
vidya.empty_cache()
stats = vidya.memory_stats("numpy")
assert stats["cached_bytes"] == stats["live_bytes"] == 0, stats
"""


def test_the_cache_is_bounded_and_can_be_emptied():
    environment = os.environ | {"VIDYA_CACHE_BYTES": "1000000"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
