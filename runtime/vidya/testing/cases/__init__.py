"""The case tables, one file per family of ops; importing this package fills `CASES`."""

from __future__ import annotations

from ..case import CASES, Case
from . import (  # noqa: F401
    activation,
    arrange,
    attention,
    bag,
    binary,
    conv,
    convert,
    factor,
    fourier,
    gated,
    generation,
    grid,
    indexing,
    layout,
    linalg,
    loss,
    losses,
    margins,
    nn,
    normalize,
    pointwise,
    pool,
    products,
    recurrent,
    reduce,
    residual_norm,
    scatter,
    sequence,
    sets,
    sort,
    special,
    spectra,
    statistics,
    unary,
    unpool,
)

__all__ = ["CASES", "Case"]
