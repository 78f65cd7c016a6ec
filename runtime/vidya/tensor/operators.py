"""What Python's operators do to a Tensor: + @ == [] len() in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ops import bits, compare, elementwise, linalg, unary
from . import indexing

if TYPE_CHECKING:
    from . import Tensor


class Operators:
    """Arithmetic, comparison and indexing by Python's own signs."""

    __slots__ = ()
    __array_ufunc__ = None  # array + tensor is ours, not NumPy's

    __add__ = __radd__ = elementwise.add
    __sub__, __rsub__ = elementwise.sub, elementwise.rsub
    __mul__ = __rmul__ = elementwise.mul
    __truediv__, __rtruediv__ = elementwise.div, elementwise.rdiv
    __pow__, __rpow__ = elementwise.pow, elementwise.rpow
    __mod__, __floordiv__ = elementwise.remainder, elementwise.floor_divide
    __matmul__ = linalg.matmul
    __neg__, __abs__, __invert__ = unary.neg, unary.abs, bits.bitwise_not
    __and__ = __rand__ = bits.bitwise_and
    __or__ = __ror__ = bits.bitwise_or
    __xor__ = __rxor__ = bits.bitwise_xor
    __lshift__, __rshift__ = bits.bitwise_left_shift, bits.bitwise_right_shift
    __eq__, __ne__ = compare.eq, compare.ne
    __lt__, __le__, __gt__, __ge__ = compare.lt, compare.le, compare.gt, compare.ge
    __hash__ = object.__hash__

    def __pos__(self: Any) -> Tensor:
        return self

    def __rmod__(self: Any, other: Any) -> Tensor:
        return elementwise.remainder(other, self)

    def __rfloordiv__(self: Any, other: Any) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return bits.bitwise_left_shift(other, self)

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return bits.bitwise_right_shift(other, self)

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        from ..functions.construct import as_tensor

        return linalg.matmul(as_tensor(other, device=self.device), self)

    def __iadd__(self: Any, other: Any) -> Any:  # type: ignore[misc]
        return self.add_(other)

    def __isub__(self: Any, other: Any) -> Any:  # type: ignore[misc]
        return self.sub_(other)

    def __imul__(self: Any, other: Any) -> Any:  # type: ignore[misc]
        return self.mul_(other)

    def __itruediv__(self: Any, other: Any) -> Any:  # type: ignore[misc]
        return self.div_(other)

    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    def __len__(self: Any) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self: Any) -> Any:
        if not self.ndim:
            raise TypeError("a 0-d tensor cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self: Any, value: Any) -> bool:
        return bool((self == value).any())
