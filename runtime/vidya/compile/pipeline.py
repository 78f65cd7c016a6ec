"""The passes, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.trace import Trace
from . import passes
from .fold import fold_constants
from .fuse import fuse
from .inplace import in_place

PASSES: dict[str, passes.Pass] = {
    "dead_code": passes.dead_code,
    "common_subexpressions": passes.common_subexpressions,
    "fold_constants": fold_constants,
    "scalars_from_fills": passes.scalars_from_fills,
    "fuse": fuse,
    "in_place": in_place,
}


def improve(trace: Trace, outputs: list[Any], names: Sequence[str]) -> dict[str, int]:
    """Run the named passes in their order; what each of them saved."""
    saved = {name: run(trace, outputs) for name, run in PASSES.items() if name in names}
    if "dead_code" in saved:  # what others have left behind
        saved["dead_code"] += passes.dead_code(trace, outputs)
    return saved
