"""The Tensor: data of one dtype and shape on one device.  Methods are PyTorch's.

What it is and how it is differentiated stands here; what can be done with it, in the classes that
it is made of.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from ..calls.arguments import explained
from ..engine import autograd as _autograd
from ..engine.grad_modes import no_grad
from .conversions import Conversions
from .host import HostAccess
from .in_place import InPlace
from .methods import Methods
from .operators import Operators
from .shapes import Shapes


class Tensor(Operators, Methods, Shapes, InPlace, Conversions, HostAccess, _core.TensorBase):
    """An n-dimensional array on a device that knows how it was made.

    Make one with `vidya.tensor(data)`, `vidya.zeros(2, 3)`, `vidya.from_numpy(array)` ...
    """

    __slots__ = ()

    # ---- what it is ----

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> Any:
        return self.ndim

    def stride(self, dim: int | None = None) -> Any:
        return self.strides if dim is None else self.strides[dim]

    def element_size(self) -> Any:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        return self.numel() * self.dtype.itemsize

    def ndimension(self) -> int:
        """ndim."""
        return self.ndim

    def nelement(self) -> int:
        """numel()."""
        return self.numel()

    def is_floating_point(self) -> Any:
        return self.dtype.is_floating_point

    def is_complex(self) -> Any:
        return self.dtype.is_complex

    # ---- gradients ----

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch the recording for this leaf; gives itself."""
        self.requires_grad = requires_grad
        return self

    @explained
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
    ) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf it came from.

        `gradient` (this tensor's shape) may be left out for a single number. The saved values are
        freed unless retain_graph; with create_graph the gradients can be differentiated again.
        """
        retain = create_graph if retain_graph is None else retain_graph
        _autograd.backward([self], [gradient], retain_graph=retain, create_graph=create_graph)

    def register_hook(self, hook: Any) -> _autograd.Handle:
        """Call `hook(grad)` when this tensor's gradient is complete; its result replaces it."""
        return _autograd.register_hook(self, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this result in `.grad` too."""
        if self.grad_fn is not None:

            def keep(g: Tensor) -> None:
                self.grad = g if self.grad is None else self.grad + g

            self.register_hook(keep)

    @property
    def data(self) -> Tensor:
        """The same memory without history. Assigning replaces what this tensor holds."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        self._set_data(value)

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise _autograd.AutogradError("only leaves can be deep-copied; use detach() first")
        with no_grad():
            data = self.detach().clone()
        out = type(self)(data) if type(self) is not Tensor else data
        memo[id(self)] = out
        return out.requires_grad_(self.requires_grad)


_core.set_tensor_class(Tensor)
