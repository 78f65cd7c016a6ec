"""Mixed precision: matrix products in a small dtype, all else as it is."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from .. import _core, dtypes
from ..schema import REGISTRY

# Ops whose time is in products. Reductions, norms and losses stay in float32 where their inputs
# are; parameters and gradients stay float32 ("master weights").
_PRODUCTS = (
    "matmul",
    "linear",
    "scaled_dot_product_attention",
    "linear_cross_entropy_rows",
    "linear_cross_entropy_total",
)


class autocast(ContextDecorator):
    """Within it, products of float32 tensors are computed in `dtype`, accumulating in float32.

        with vidya.autocast(vidya.bfloat16):
            loss = model(x, y)
        loss.backward()

    Parameters stay float32 and so do their gradients. dtype: bfloat16 or float16; enabled=False
    switches an outer autocast off. Also a decorator; works inside vidya.compile.
    """

    def __init__(self, dtype: Any = dtypes.bfloat16, *, enabled: bool = True) -> None:
        wanted = dtypes.as_dtype(dtype)
        if wanted not in (dtypes.bfloat16, dtypes.float16):
            raise TypeError(f"autocast: dtype is bfloat16 or float16, not {wanted.name}")
        self.index = wanted.index if enabled else -1
        self.before: list[int] = []

    def __enter__(self) -> None:
        self.before.append(_core.set_autocast(self.index))

    def __exit__(self, *_: Any) -> None:
        _core.set_autocast(self.before.pop())


def is_autocast_enabled() -> bool:
    return _core.get_autocast() >= 0


def get_autocast_dtype() -> dtypes.dtype | None:
    """What products are cast to in this thread; None outside of autocast."""
    index = _core.get_autocast()
    return dtypes.ALL[index] if index >= 0 else None


def declare() -> None:
    """Tell the core which ops autocast is for. Called once, when all ops are defined."""
    for name in _PRODUCTS:
        REGISTRY[name].op.set_autocast()
