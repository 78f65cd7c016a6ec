"""The named tuples that ops with several results give, with PyTorch's names."""

from __future__ import annotations

from typing import Any, NamedTuple


class Histogram(NamedTuple):
    """Counts, and the edges between which they were counted."""

    hist: Any
    bin_edges: Any


class Ordered(NamedTuple):
    """Elements that were picked, and where they were."""

    values: Any
    indices: Any


class Extremes(NamedTuple):
    """The smallest and the largest."""

    min: Any
    max: Any
