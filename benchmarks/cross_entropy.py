"""cross_entropy forward and backward at 4096 x 32000, and the memory that it never takes.

    python -m benchmarks.cross_entropy

Every competitor is a process of its own: the first table is the time of the loss and its gradient
in the logits, the second what a linear layer and its loss add to the peak of resident memory, with
the logits as a tensor and by linear_cross_entropy.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROWS, CLASSES, WIDTH = 4096, 32000, 512
TIMED = ["vidya", "vidya-compile", "torch", "torch-compile"]
WEIGHED = ["vidya cross_entropy", "vidya linear_cross_entropy", "torch cross_entropy"]


def _library(name: str):
    if name == "vidya":
        import vidya
        import vidya.functional

        vidya.set_default_device("openblas")
        return vidya, vidya.functional, lambda a: vidya.tensor(a)
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return torch, torch.nn.functional, torch.from_numpy


def seconds(name: str, calls: int) -> dict:
    """Median seconds of the loss with its gradient, and the loss."""
    library, functions, tensor = _library(name.partition("-")[0])
    rng = np.random.default_rng(1)
    logits = tensor(rng.standard_normal((ROWS, CLASSES), dtype=np.float32)).requires_grad_()
    target = tensor(rng.integers(0, CLASSES, ROWS))

    def both(logits, target):
        loss = functions.cross_entropy(logits, target)
        loss.backward()
        return loss

    step = library.compile(both) if name.endswith("compile") else both
    times = []
    for _ in range(calls + 2):
        logits.grad = None
        began = time.perf_counter()
        loss = step(logits, target).item()
        times.append(time.perf_counter() - began)
    return {"seconds": statistics.median(times[2:]), "loss": loss}


def memory(name: str) -> dict:
    """Bytes that one loss and its gradients add to the peak of the resident set."""
    who, what = name.split()
    _, functions, tensor = _library(who)
    rng = np.random.default_rng(1)
    x = tensor(rng.standard_normal((ROWS, WIDTH), dtype=np.float32)).requires_grad_()
    scale = np.float32(WIDTH**-0.5)
    weight = tensor(rng.standard_normal((CLASSES, WIDTH), dtype=np.float32) * scale)
    weight = weight.requires_grad_()
    target = tensor(rng.integers(0, CLASSES, ROWS))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if what == "cross_entropy":
        loss = functions.cross_entropy(functions.linear(x, weight), target)
    else:
        loss = functions.linear_cross_entropy(x, weight, target)
    loss.backward()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"bytes": (peak - before) * 1024, "loss": loss.item()}


def _asked(*words: str) -> dict:
    misleading = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    environment = {k: v for k, v in os.environ.items() if k not in misleading}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cross_entropy", *words],
        cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        kind, name = args.one
        print(json.dumps(seconds(name, args.calls) if kind == "seconds" else memory(name)))
        return 0
    peers = importlib.util.find_spec("torch") is not None
    for kind, names, unit, scale in (
        ("seconds", TIMED, "ms", 1e3),
        ("bytes", WEIGHED, "MB above the start", 1e-6),
    ):
        print(f"| who | {unit} | loss |\n|---|---:|---:|")
        for name in names:
            if peers or not name.startswith("torch"):
                row = _asked("--calls", str(args.calls), "--one", kind, name)
                said = row.get("error") or f"{row[kind] * scale:,.1f} | {row['loss']:.4f}"
                print(f"| {name} | {said} |", flush=True)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
