"""One library in a process of its own; serves the measuring process by lines of JSON.

    python -m benchmarks.ops.worker torch

Commands: {"row", "size"} prepares and answers with the result's checksum; {"round": N} runs it
N times and answers with the seconds of one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import numpy as np

from .. import machine
from .rows import ROWS, SIZES, Row


class Torch:
    def __init__(self) -> None:
        import torch

        torch.set_num_threads(machine.threads())
        self.names = {"L": torch, "F": torch.nn.functional}
        self.library = torch

    def tensor(self, array: np.ndarray, dtype: str | None) -> Any:
        made = self.library.from_numpy(array.copy())
        return made.to(getattr(self.library, dtype)) if dtype else made

    def finish(self) -> None:
        pass


class Vidya(Torch):
    def __init__(self, device: str) -> None:
        import vidya
        import vidya.functional

        self.library, self.device = vidya, vidya.device(device)
        vidya.set_default_device(device)
        self.names = {"L": vidya, "F": vidya.functional}

    def tensor(self, array: np.ndarray, dtype: str | None) -> Any:
        made = self.library.tensor(array, device=self.device)
        return made.to(getattr(self.library, dtype)) if dtype else made

    def finish(self) -> None:
        self.library.synchronize(self.device)


def prepare(side: Torch, row: Row, n: int):
    """A function that runs the row once, and gives what to compare."""
    arrays = row.make(np.random.default_rng(1), n)
    space = dict(side.names)
    for name, array in arrays.items():
        dtype = row.dtype if array.dtype == np.float32 and row.dtype != "float32" else None
        space[name] = side.tensor(array, dtype)
    if row.setup:
        space["m"] = eval(row.setup, space)
    code = compile(row.statement, row.name, "eval")
    if not row.backward:
        return lambda: eval(code, space)
    leaves = [space[name].requires_grad_() for name in row.backward]
    upstream = eval(code, space).detach() * 0 + 1

    def both():
        for leaf in leaves:
            leaf.grad = None
        eval(code, space).backward(upstream)
        return leaves[0].grad

    return both


def checksum(side: Torch, result: Any) -> float:
    values = np.asarray(result.detach().to(side.library.float64).numpy())
    return float(np.abs(values[np.isfinite(values)]).mean()) if values.size else 0.0


def main(name: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**what) -> None:
        print(json.dumps(what), file=answers, flush=True)

    try:
        side = Torch() if name == "torch" else Vidya(name)
    except ModuleNotFoundError as error:
        answer(skip=f"{error.name} is not installed")
        return
    answer(ready=True)
    call = None
    for line in sys.stdin:
        command = json.loads(line)
        if "row" in command:
            row = ROWS[command["row"]]
            call = None  # the last row's memory is free before this one's is taken
            try:
                call = prepare(side, row, SIZES[command["size"]])
                result = call()
                value = 0.0 if row.random else checksum(side, result)
            except Exception as error:
                answer(error=f"{type(error).__name__}: {str(error).splitlines()[0]}")
                continue
            answer(value=value)
        else:
            count = command["round"]
            began = time.perf_counter()
            for _ in range(count):
                call()
            side.finish()
            answer(seconds=(time.perf_counter() - began) / count)
    return


if __name__ == "__main__":
    main(sys.argv[1])
