"""Activations as layers: functions of one tensor whose settings are attributes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from .. import functional as F
from ..functions.construct import full
from ..tensor import Tensor
from .module import Module
from .parameter import Parameter


class FunctionLayer(Module):
    """Base of layers that apply one function with fixed settings."""

    function: Callable[..., Tensor]
    settings: ClassVar[dict[str, Any]] = {}
    __signature__: inspect.Signature

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        for name, value in bound.arguments.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        return type(self).function(x, **{name: getattr(self, name) for name in self.settings})

    def extra_repr(self) -> str:
        shown = [n for n in self.settings if n != "inplace" or getattr(self, n)]
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)


def layer(name: str, function: Callable[..., Tensor], **settings: Any) -> type[FunctionLayer]:
    """A class `name` for a function and its settings; `...` is a setting without default."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    params = [
        inspect.Parameter(k, kind, default=inspect.Parameter.empty if v is ... else v)
        for k, v in settings.items()
    ]
    body = {
        "function": staticmethod(function),
        "settings": settings,
        "__signature__": inspect.Signature(params),
        "__doc__": function.__doc__,
        "__module__": __name__,
    }
    return type(name, (FunctionLayer,), body)


ReLU = layer("ReLU", F.relu, inplace=False)
ReLU6 = layer("ReLU6", F.relu6, inplace=False)
GELU = layer("GELU", F.gelu, approximate="none")
SiLU = layer("SiLU", F.silu, inplace=False)
Sigmoid = layer("Sigmoid", F.sigmoid)
Tanh = layer("Tanh", F.tanh)
ELU = layer("ELU", F.elu, alpha=1.0, inplace=False)
CELU = layer("CELU", F.celu, alpha=1.0, inplace=False)
SELU = layer("SELU", F.selu, inplace=False)
LeakyReLU = layer("LeakyReLU", F.leaky_relu, negative_slope=0.01, inplace=False)
Hardtanh = layer("Hardtanh", F.hardtanh, min_val=-1.0, max_val=1.0, inplace=False)
Hardsigmoid = layer("Hardsigmoid", F.hardsigmoid, inplace=False)
Hardswish = layer("Hardswish", F.hardswish, inplace=False)
Hardshrink = layer("Hardshrink", F.hardshrink, lambd=0.5)
Softshrink = layer("Softshrink", F.softshrink, lambd=0.5)
Softplus = layer("Softplus", F.softplus, beta=1.0, threshold=20.0)
Softsign = layer("Softsign", F.softsign)
LogSigmoid = layer("LogSigmoid", F.logsigmoid)
Mish = layer("Mish", F.mish, inplace=False)
Tanhshrink = layer("Tanhshrink", F.tanhshrink)
Threshold = layer("Threshold", F.threshold, threshold=..., value=..., inplace=False)
GLU = layer("GLU", F.glu, dim=-1)


def _by_dim(name: str, function: Callable[..., Tensor]) -> type[FunctionLayer]:
    def along(x: Tensor, dim: int | None) -> Tensor:
        if dim is None:
            raise ValueError(f"{name} needs the dim to work along: nn.{name}(dim=-1)")
        return function(x, dim)

    along.__doc__ = function.__doc__
    return layer(name, along, dim=None)


Softmax = _by_dim("Softmax", F.softmax)
LogSoftmax = _by_dim("LogSoftmax", F.log_softmax)
Softmin = _by_dim("Softmin", F.softmin)


class PReLU(Module):
    """x where positive, weight x elsewhere; one learned weight, or one per channel (dim 1).

    (He et al., Delving Deep into Rectifiers, 2015)
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """leaky_relu with slopes drawn from [lower, upper] in training, their mean otherwise."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, x: Tensor) -> Tensor:
        return F.rrelu(x, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}"
