"""VIDYA_DEBUG: one ladder of what the runtime tells on stderr while it works.

1: a summary: every function that is compiled, and at the end what each device held at most.
2: also, at the end, every kind of kernel with its launches and time. The device's queue is emptied
   after each, so that times are the kernels' own; all of it is slower.
3: also how each op was lowered to kernels, and the graph of each compiled function.
4: also each launch, as it ends.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections import Counter
from typing import Any

from .. import _core
from . import dispatch, fallback
from .device import opened

level = 0
_plans: Counter[str] = Counter()


def told() -> int:
    """The level that the environment asks for; what is no number counts as 1."""
    text = os.environ.get("VIDYA_DEBUG", "").strip()
    return (int(text) if text.isdigit() else 1) if text else 0


def start() -> None:
    """Look on from now until the process ends, if the environment says so."""
    global level
    level = told()
    if level:
        _core.set_debug(level)
        dispatch.observers.append(_lowered)
        atexit.register(_report)


def say(text: str) -> None:
    for line in text.splitlines():
        print(f"vidya: {line}", file=sys.stderr)


def _lowered(definition: Any, trace: Any) -> None:
    _plans[str(trace.device)] += 1
    if level < 3:
        return
    shown = ", ".join(f"{t.dtype.name}[{','.join(map(str, t.shape))}]" for t in trace.inputs)
    kernels = [f"{node.op} in Python" if node.function else node.op for node in trace.nodes]
    say(f"{trace.device} {definition.name}({shown}) = {' '.join(kernels) or 'a view'}")


def _report() -> None:
    for device in opened():
        peak = device.core.memory_stats()["peak_bytes"]
        say(f"{device}: {_plans[str(device)]} kinds of calls, at most {peak / 2**20:.1f} MiB")
    for (op, dtype, name), count in sorted(fallback.fallback_counts().items()):
        say(f"{name}: {op} on {dtype} ran on numpy {count} times")
    if level < 2:
        return
    totals = _core.launch_totals()
    whole = sum(seconds for *_, seconds in totals)
    say(f"{sum(row[2] for row in totals)} launches, {whole * 1e3:.1f} ms in kernels")
    if totals:
        say(f"{'ms':>10} {'share':>6} {'launches':>8} {'us each':>9}  kernel")
    for op, name, count, seconds in totals:
        each = seconds / count * 1e6
        say(f"{seconds * 1e3:10.2f} {seconds / whole:6.1%} {count:8d} {each:9.1f}  {op} on {name}")
