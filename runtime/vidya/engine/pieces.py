"""Gradients that are zero but for a part of their tensor.

A tensor that is cut into many parts gets a gradient from each of them. Adding them up one by one
at its full size takes time by their number; kept as pieces until all are there, they are put
together once.
"""

from __future__ import annotations

from typing import Any


class Piece:
    """What an op's pullback may return instead of a gradient."""

    def joined(self, other: Any) -> Piece:
        """This and another piece of the same tensor, or a gradient of all of it."""
        raise NotImplementedError

    def whole(self) -> Any:
        """The gradient as a tensor."""
        raise NotImplementedError


def joined(a: Any, b: Any) -> Any:
    """The sum of two gradients of one tensor, of which either may be a piece."""
    if isinstance(a, Piece):
        return a.joined(b)
    return b.joined(a) if isinstance(b, Piece) else a + b


def whole(grad: Any) -> Any:
    return grad.whole() if isinstance(grad, Piece) else grad
