"""The passes, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.trace import Trace
from . import passes
from .fold import fold_constants
from .freeze import freeze
from .fuse import fuse
from .inplace import in_place
from .layouts import layouts
from .norms import norms
from .patterns import patterns, simplify
from .remat import rematerialise
from .steps import steps
from .together import together

PASSES: dict[str, passes.Pass] = {
    "dead_code": passes.dead_code,
    "common_subexpressions": passes.common_subexpressions,
    "fold_constants": fold_constants,
    "scalars_from_fills": passes.scalars_from_fills,
    "simplify": simplify,
    "patterns": patterns,
    "norms": norms,
    "together": together,
    "fuse": fuse,
    "rematerialise": rematerialise,
    "layouts": layouts,
    "in_place": in_place,
    "steps": steps,
    "freeze": freeze,
}


# These think of kernels one by one, and of memory: not for a backend that takes a whole graph.
_KERNELS = ("norms", "together", "fuse", "rematerialise", "layouts", "in_place", "steps", "freeze")


def improve_graph(trace: Trace, outputs: list[Any], names: Sequence[str]) -> dict[str, int]:
    """Run those of the named passes that leave a graph of ops; what each of them saved."""
    wanted = [name for name in PASSES if name in names and name not in _KERNELS]
    return {name: PASSES[name](trace, outputs) for name in wanted}


def improve_kernels(
    trace: Trace, outputs: list[Any], names: Sequence[str], saved: dict[str, int]
) -> None:
    """Run the others of the named passes, adding to `saved`."""
    saved |= {name: PASSES[name](trace, outputs) for name in _KERNELS if name in names}
    if "dead_code" in saved:  # what others have left behind
        saved["dead_code"] += passes.dead_code(trace, outputs)
