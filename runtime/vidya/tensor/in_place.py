"""Methods that write into their tensor: add_, relu_, t_, normal_ ..."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .. import _core, dtypes
from ..calls.arguments import explained
from ..errors import AutogradError
from ..ops import (
    activation,
    bessel,
    bits,
    compare,
    create,
    elementwise,
    gamma,
    index,
    inquiry,
    integers,
    layout,
    nextafter,
    pointwise,
    products,
    scan,
    shape,
    special,
    unary,
)
from ..ops import diagonal as _diagonal
from ..ops import masked as _masked
from ..ops import scatter as _scatter
from . import indexing as _indexing
from .rewrite import kept

if TYPE_CHECKING:
    from . import Tensor


def _reshaped(name: str, function: Callable) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.requires_grad:
            raise AutogradError(
                f"{name}: a tensor that requires grad keeps its shape; use {name[:-1]}"
            )
        self.data = function(self, *args, **kwargs)
        return self

    method.__name__ = name
    method.__doc__ = (
        f"{name.rstrip('_')}, of this very tensor: its memory stays, its shape changes."
    )
    return method


def _in_place(name: str, function: Any) -> Callable:
    doc = f"{name.rstrip('_')}, written into this tensor."
    if isinstance(function, _core.Op):
        of_op: Any = _core.Overwriting(function, name)
        of_op.__doc__ = doc
        return of_op

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        before = kept(function, self, args, kwargs)
        return _indexing.assign(name, self, function(before, *args, **kwargs))

    method.__name__ = name
    method.__doc__ = doc
    return method


# name_ is the function of that name, written into its first argument
_TABLE: dict[Any, str] = {
    unary: (
        "abs acos acosh asin asinh atan atanh ceil clamp cos cosh erf erfc exp exp2 expm1 "
        "floor log log10 log1p log2 neg reciprocal round rsqrt sign sin sinh sqrt square tan "
        "tanh trunc"
    ),
    bits: (
        "bitwise_and bitwise_not bitwise_or bitwise_xor bitwise_left_shift "
        "bitwise_right_shift logical_not"
    ),
    elementwise: "add atan2 div floor_divide fmod mul pow remainder sub",
    compare: "eq ge gt le logical_and logical_or logical_xor lt ne",
    pointwise: (
        "absolute addcdiv addcmul clamp_max clamp_min clip copysign deg2rad divide fix float_power "
        "frac heaviside hypot ldexp lerp multiply nan_to_num negative rad2deg sgn subtract "
        "true_divide"
    ),
    integers: "gcd lcm",
    special: "erfinv logit sinc xlogy",
    gamma: "digamma lgamma",
    bessel: "i0",
    activation: "relu sigmoid",
    scan: "cumprod cumsum",
    _diagonal: "tril triu",
    index: "index_add masked_fill scatter_add",
    _scatter: ("index_copy index_fill index_put index_reduce put scatter scatter_reduce"),
    _masked: "masked_scatter",
    products: "addbmm addmm addmv addr baddbmm",
    inquiry: "mvlgamma renorm",
    nextafter: "nextafter",
}


def _reach(type_: dtypes.dtype) -> int:
    """The first whole number that random_ does not draw for a dtype."""
    if type_ is dtypes.bool_:
        return 2
    whole = dtypes.iinfo(type_).max if type_.is_integer else 2 / float(dtypes.finfo(type_).eps)
    return min(int(whole) + 1, 2**31)


class InPlace:
    """add_ and the like: the result overwrites the tensor, broadcast never changes its shape."""

    __slots__ = ()

    def copy_(self: Any, source: Any) -> Tensor:
        """Overwrite with `source`, broadcast and cast."""
        return _indexing.write(self, source)

    def fill_(self: Any, value: float) -> Tensor:
        return _indexing.write(self, value)

    def zero_(self: Any) -> Tensor:
        return _indexing.write(self, 0)

    t_ = _reshaped("t_", shape.t)
    squeeze_ = _reshaped("squeeze_", shape.squeeze)
    unsqueeze_ = _reshaped("unsqueeze_", shape.unsqueeze)
    transpose_ = swapaxes_ = swapdims_ = _reshaped("transpose_", layout.transpose)

    def normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers of the normal distribution."""
        from ..random import randn_like

        drawn = randn_like(self, generator=generator) * std + mean
        return _indexing.assign("normal_", self, drawn)

    def uniform_(self: Any, from_: float = 0, to: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers spread evenly over [from_, to)."""
        from ..random import rand_like

        drawn = rand_like(self, generator=generator) * (to - from_) + from_
        return _indexing.assign("uniform_", self, drawn)

    def random_(
        self: Any, from_: int = 0, to: int | None = None, *, generator: Any = None
    ) -> Tensor:
        """Overwrite with whole numbers from from_ to to - 1; one number given is `to`.

        Without: as far as the dtype holds whole numbers exactly, at most to 2^31 - 1.
        """
        from ..random import randint

        if to is None:
            from_, to = (0, from_) if from_ else (0, _reach(self.dtype))
        drawn = randint(from_, to, self.shape, device=self.device, generator=generator)
        return _indexing.assign("random_", self, drawn.to(self.dtype))

    def fill_diagonal_(self: Any, fill_value: float, wrap: bool = False) -> Tensor:
        """Overwrite the main diagonal; wrap: of a tall matrix again below every square."""
        if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) > 1):
            raise ValueError(
                f"fill_diagonal_: needs a matrix, or more dims all of one size, not {self.shape}"
            )
        columns = self.shape[-1]
        step = sum(columns**d for d in range(self.ndim)) if self.ndim > 2 else columns + 1
        end = self.numel() if wrap or self.ndim > 2 else min(columns * columns, self.numel())
        places = create.arange(0, end, step, device=self.device)
        flat = self.reshape(-1).index_fill(0, places, fill_value)
        return _indexing.assign("fill_diagonal_", self, flat.reshape(self.shape))

    def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Overwrite with 1 at probability p, else 0."""
        from ..functions.distributions import coins

        return _indexing.assign("bernoulli_", self, coins(self, p, generator))

    def exponential_(self: Any, lambd: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers of the exponential distribution of that rate."""
        from ..random import rand_like

        drawn = (1 - rand_like(self, generator=generator)).log() / -lambd
        return _indexing.assign("exponential_", self, drawn)


for _module, _names in _TABLE.items():
    for _name in _names.split():
        setattr(InPlace, f"{_name}_", _in_place(f"{_name}_", getattr(_module, _name)))

_ALSO = {  # PyTorch's other names
    "arccos_": "acos_", "arccosh_": "acosh_", "arcsin_": "asin_", "arcsinh_": "asinh_",
    "arctan_": "atan_", "arctan2_": "atan2_", "arctanh_": "atanh_", "greater_": "gt_",
    "greater_equal_": "ge_", "less_": "lt_", "less_equal_": "le_", "not_equal_": "ne_",
}  # fmt: skip
for _name, _known in _ALSO.items():
    setattr(InPlace, _name, getattr(InPlace, _known))

for _name, _function in list(vars(InPlace).items()):
    if isinstance(_function, FunctionType):
        setattr(InPlace, _name, explained(_function))
