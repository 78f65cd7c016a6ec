"""Borders around [N, C, ...] or [C, ...] as layers."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functional as F
from ..tensor import Tensor
from .module import Module


class _Pad(Module):
    """padding: one number for all sides, or (before, after) of the last dim, the one before ..."""

    dims: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        sides = 2 * self.dims
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != sides:
            raise ValueError(
                f"{type(self).__name__}: padding is a number or {sides} of them, not {padding}"
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding, self.mode, getattr(self, "value", None))

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Constant(_Pad):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _Zero(_Pad):
    mode = "constant"


class _Reflection(_Pad):
    mode = "reflect"


class _Replication(_Pad):
    mode = "replicate"


class _Circular(_Pad):
    mode = "circular"


def _made(base: type[_Pad], word: str, dims: int, what: str) -> type[_Pad]:
    doc = f"The last {dims} dim(s) with a border of {what}; see functional.pad."
    name = f"{word}Pad{dims}d"
    return type(name, (base,), {"dims": dims, "__doc__": doc, "__module__": __name__})


ConstantPad1d, ConstantPad2d, ConstantPad3d = (
    _made(_Constant, "Constant", n, "one value") for n in (1, 2, 3)
)
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_made(_Zero, "Zero", n, "zeros") for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (
    _made(_Reflection, "Reflection", n, "what is inside, mirrored at the edge") for n in (1, 2, 3)
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (
    _made(_Replication, "Replication", n, "the edge's own elements") for n in (1, 2, 3)
)
CircularPad1d, CircularPad2d, CircularPad3d = (
    _made(_Circular, "Circular", n, "what the other side has") for n in (1, 2, 3)
)
