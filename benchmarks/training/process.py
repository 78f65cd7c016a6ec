"""The measuring process's end of a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Both hold OpenBLAS below what the CPU can do, and would make every figure one of another machine.
_MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Competitor:
    """A running worker; `skipped` says why there is none."""

    def __init__(self, name: str, shape: str, precision: str) -> None:
        self.name = name
        environment = {k: v for k, v in os.environ.items() if k not in _MISLEADING}
        environment["VIDYA_FALLBACK"] = "error"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training.worker", name, shape, precision],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.skipped = self._answer().get("skip")
        if self.skipped:
            self.process.wait()

    def ask(self, command: str) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """Stop it; the peak of its resident memory in bytes."""
        peak = self.ask("end")["peak_bytes"]
        self.process.wait()
        return peak

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self.process.wait()}; see above")
        return json.loads(line)
