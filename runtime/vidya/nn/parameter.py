"""Tensors that a module owns."""

from __future__ import annotations

from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that is trained: a leaf that a Module lists once it is set as an attribute.

    Parameter(data, requires_grad=True) shares the memory of the tensor `data`.
    """

    __slots__ = ()

    def __new__(cls, data: Tensor, requires_grad: bool = True) -> Parameter:
        return super().__new__(cls, data)

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        self.requires_grad = requires_grad
        self._param = True  # tells backends that this is a weight

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
