"""One competitor in a process of its own, so that its memory and threads are its own.

    python -m benchmarks.training.worker vidya-compile small fp32

Reads commands from stdin, one a line, and answers each with one line of JSON:
"first": the first call, also the CPU time that the system took for it, all threads together, which
is mostly for memory that is new to the process; "round N": N calls; "end": the peak of its memory.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time

from .shapes import SHAPES

SIDES = {
    "vidya": "vidya_side", "vidya-compile": "vidya_side", "vidya-loop": "vidya_side",
    "torch": "torch_side", "torch-compile": "torch_side",
    "jax": "jax_side", "jax-scan": "jax_side", "llama.cpp": "llama_side",
}  # fmt: skip


class Skip(Exception):
    """This competitor does not do that; the text says why."""


def timed(call) -> tuple[float, float]:
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


def serve(competitor: str, shape: str, precision: str, answer) -> None:
    try:
        side = importlib.import_module("." + SIDES[competitor], __package__)
        call = side.prepare(SHAPES[shape], precision, competitor)
    except ModuleNotFoundError as error:
        return answer(skip=f"{error.name} is not installed")
    except Skip as error:
        return answer(skip=str(error))
    answer(ready=True)
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "first":
            before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
            seconds, value = timed(call)
            system = resource.getrusage(resource.RUSAGE_SELF).ru_stime - before
            answer(seconds=seconds, value=value, system=system)
        elif command == "round":
            runs = [timed(call) for _ in range(int(rest[0]))]
            answer(seconds=sum(s for s, _ in runs) / len(runs), value=runs[-1][1])
        elif command == "end":
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return answer(peak_bytes=peak * (1 if sys.platform == "darwin" else 1024))
        else:
            raise ValueError(f"unknown command {command!r}; first, round N or end")
    return None


def main() -> None:
    # Libraries may print; answers go where only answers are.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**what) -> None:
        print(json.dumps(what), file=answers, flush=True)

    serve(*sys.argv[1:], answer)


if __name__ == "__main__":
    # As a module, Skip is the class that the sides import.
    importlib.import_module("benchmarks.training.worker").main()
