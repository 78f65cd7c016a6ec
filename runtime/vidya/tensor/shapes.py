"""A tensor's elements in another shape or order of dims; sizes one by one or as a tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..ops import complex, layout
from ..ops.rules import sizes_of

if TYPE_CHECKING:
    from . import Tensor


def _sizes(name: str, given: tuple, named: dict[str, Any]) -> tuple:
    """f(2, 3), f((2, 3)) and f(size=(2, 3)) alike."""
    for key in () if not named else ("shape", "size", "dims"):
        if key in named and not given:
            given = (named.pop(key),)
    if named:
        raise TypeError(f"{name}: got an unexpected keyword argument {next(iter(named))!r}")
    return sizes_of(given)


class Shapes:
    """reshape(2, 3) and reshape((2, 3)), and what is read like an attribute: x.T, x.real."""

    __slots__ = ()

    def reshape(self: Any, *shape: Any, **named: Any) -> Tensor:
        return layout.reshape(self, _sizes("reshape", shape, named))

    def view(self: Any, *shape: Any, **named: Any) -> Tensor:
        return layout.view(self, _sizes("view", shape, named))

    def permute(self: Any, *dims: Any, **named: Any) -> Tensor:
        return layout.permute(self, _sizes("permute", dims, named))

    def expand(self: Any, *shape: Any, **named: Any) -> Tensor:
        return layout.expand(self, _sizes("expand", shape, named))

    def contiguous(self: Any) -> Tensor:
        return self if self.is_contiguous() else self.clone()

    @property
    def T(self: Any) -> Tensor:
        """All dims reversed."""
        return layout.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self: Any) -> Tensor:
        """The last two dims exchanged."""
        return layout.transpose(self, -2, -1)

    @property
    def mH(self: Any) -> Tensor:
        """The last two dims exchanged, conjugated."""
        return complex.conj(layout.transpose(self, -2, -1))

    @property
    def real(self: Any) -> Tensor:
        """The real part."""
        return complex.real(self)

    @property
    def imag(self: Any) -> Tensor:
        """The imaginary part of a complex tensor."""
        return complex.imag(self)

    def sum_to_size(self: Any, *size: Any, **named: Any) -> Tensor:
        """Summed over the dims that were broadcast from `size`."""
        return self.sum_to(_sizes("sum_to_size", size, named))
