"""The passes, in the order in which they run."""

from __future__ import annotations

from . import passes
from .fuse import fuse
from .inplace import in_place

PASSES: dict[str, passes.Pass] = {
    "dead_code": passes.dead_code,
    "common_subexpressions": passes.common_subexpressions,
    "scalars_from_fills": passes.scalars_from_fills,
    "fuse": fuse,
    "in_place": in_place,
}
