"""Methods of Tensor that are functions of the op families, and their in-place forms."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import indexing as _indexing
from .arguments import explained
from .errors import AutogradError
from .ops import (
    activation,
    arrange,
    as_method,
    bits,
    compare,
    complex,
    elementwise,
    index,
    inquiry,
    layout,
    magnitude,
    nextafter,
    parts,
    pointwise,
    products,
    rectifiers,
    scan,
    sets,
    shape,
    special,
    statistics,
    strided,
    unary,
)
from .ops import diagonal as _diagonal
from .ops import scatter as _scatter

if TYPE_CHECKING:
    from .tensor import Tensor


class Methods:
    """The families' functions as methods; the first argument is the tensor."""

    __slots__ = ()

    # pointwise
    absolute, frac, sgn, signbit = unary.abs, pointwise.frac, pointwise.sgn, pointwise.signbit
    positive, negative, fix = pointwise.positive, pointwise.negative, unary.trunc
    copysign, heaviside, hypot = pointwise.copysign, pointwise.heaviside, pointwise.hypot
    nan_to_num, lerp, ldexp = pointwise.nan_to_num, pointwise.lerp, pointwise.ldexp
    addcmul, addcdiv, float_power = pointwise.addcmul, pointwise.addcdiv, pointwise.float_power
    deg2rad, rad2deg, true_divide = pointwise.deg2rad, pointwise.rad2deg, pointwise.true_divide
    multiply, divide, subtract = elementwise.mul, elementwise.div, elementwise.sub
    clamp_min, clamp_max = pointwise.clamp_min, pointwise.clamp_max
    fmax, fmin, gcd, lcm = pointwise.fmax, pointwise.fmin, pointwise.gcd, pointwise.lcm
    isclose, allclose, equal = pointwise.isclose, pointwise.allclose, pointwise.equal
    isposinf, isneginf, isreal = pointwise.isposinf, pointwise.isneginf, pointwise.isreal
    greater, greater_equal, less, less_equal = compare.gt, compare.ge, compare.lt, compare.le
    not_equal, angle = compare.ne, complex.angle
    bitwise_left_shift = bits.bitwise_left_shift
    bitwise_right_shift = bits.bitwise_right_shift
    arcsin, arccos, arctan = unary.asin, unary.acos, unary.atan
    arcsinh, arccosh, arctanh = unary.asinh, unary.acosh, unary.atanh
    arctan2 = elementwise.atan2

    # special functions and activations
    logit, sinc, erfinv, i0 = special.logit, special.sinc, special.erfinv, special.i0
    lgamma, digamma, logaddexp = special.lgamma, special.digamma, special.logaddexp
    logaddexp2, xlogy = special.logaddexp2, special.xlogy
    nextafter = nextafter.nextafter
    prelu, hardshrink = rectifiers.prelu, rectifiers.hardshrink

    def polygamma(self, n: int) -> Tensor:
        return special.polygamma(n, self)

    # reductions and scans
    var, std, median, nanmedian = (
        statistics.var,
        statistics.std,
        statistics.median,
        statistics.nanmedian,
    )
    nansum, nanmean, norm = statistics.nansum, statistics.nanmean, magnitude.norm
    max, min = statistics.max, statistics.min
    mode, kthvalue, quantile = statistics.mode, statistics.kthvalue, statistics.quantile
    nanquantile, aminmax = statistics.nanquantile, statistics.aminmax
    count_nonzero, dist = statistics.count_nonzero, magnitude.dist
    logcumsumexp, diff = scan.logcumsumexp, scan.diff

    # order
    msort, unique, unique_consecutive = sets.msort, sets.unique, sets.unique_consecutive
    bincount, histc = sets.bincount, sets.histc

    # shapes
    flatten, ravel, unflatten = shape.flatten, shape.ravel, shape.unflatten
    unsqueeze, squeeze, movedim, moveaxis = (
        shape.unsqueeze,
        shape.squeeze,
        shape.movedim,
        shape.movedim,
    )
    swapaxes = swapdims = layout.transpose
    t, adjoint, broadcast_to = shape.t, shape.adjoint, shape.broadcast_to
    narrow, select, unbind, split = parts.narrow, parts.select, parts.unbind, parts.split
    chunk, tensor_split = parts.chunk, parts.tensor_split
    hsplit, vsplit, dsplit = parts.hsplit, parts.vsplit, parts.dsplit
    repeat, tile = arrange.repeat, arrange.tile
    repeat_interleave, roll, rot90 = arrange.repeat_interleave, arrange.roll, arrange.rot90
    flip, fliplr, flipud = arrange.flip, arrange.fliplr, arrange.flipud
    diagonal, diag, diag_embed = _diagonal.diagonal, _diagonal.diag, _diagonal.diag_embed
    diagonal_scatter, diagflat, trace = (
        _diagonal.diagonal_scatter,
        _diagonal.diagflat,
        _diagonal.trace,
    )
    tril, triu, as_strided, unfold = (
        _diagonal.tril,
        _diagonal.triu,
        strided.as_strided,
        strided.unfold,
    )

    split_with_sizes, is_signed = inquiry.split_with_sizes, inquiry.is_signed
    is_same_size, is_nonzero = inquiry.is_same_size, inquiry.is_nonzero
    cov, corrcoef, renorm, mvlgamma = (
        inquiry.cov,
        inquiry.corrcoef,
        inquiry.renorm,
        inquiry.mvlgamma,
    )
    resolve_conj, resolve_neg = inquiry.resolve_conj, inquiry.resolve_neg

    ndimension, nelement, type_as = as_method.ndimension, as_method.nelement, as_method.type_as
    short, char, byte = as_method.short, as_method.char, as_method.byte
    cfloat, cdouble = as_method.cfloat, as_method.cdouble
    sum_to_size, new_tensor = as_method.sum_to_size, as_method.new_tensor

    def view_as(self, other: Tensor) -> Tensor:
        return layout.view(self, other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        return layout.reshape(self, other.shape)

    # index
    scatter, scatter_reduce, take = _scatter.scatter, _scatter.scatter_reduce, _scatter.take
    take_along_dim, put, index_put = _scatter.take_along_dim, _scatter.put, _scatter.index_put
    index_copy, index_fill, nonzero = _scatter.index_copy, _scatter.index_fill, _scatter.nonzero
    argwhere, masked_select = _scatter.argwhere, _scatter.masked_select
    masked_scatter, select_scatter = _scatter.masked_scatter, _scatter.select_scatter
    slice_scatter = _scatter.slice_scatter

    # products
    dot, vdot, inner, outer, ger = (
        products.dot,
        products.vdot,
        products.inner,
        products.outer,
        products.outer,
    )
    mm, bmm, mv, addmm = products.mm, products.bmm, products.mv, products.addmm
    addmv, addr, addbmm, baddbmm = (
        products.addmv,
        products.addr,
        products.addbmm,
        products.baddbmm,
    )
    kron, cross = products.kron, products.cross


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


def _in_place(name: str, function: Callable) -> Callable:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return _indexing.assign(name, self, function(self, *args, **kwargs))

    method.__name__ = name
    method.__doc__ = (
        f"{name.rstrip('_')}, written into this tensor. Only where nothing is recorded."
    )
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
    elementwise: "atan2 floor_divide fmod pow remainder",
    compare: "eq ge gt le logical_and logical_or logical_xor lt ne",
    pointwise: (
        "absolute addcdiv addcmul clamp_max clamp_min clip copysign deg2rad divide fix float_power "
        "frac gcd heaviside hypot lcm ldexp lerp multiply nan_to_num negative rad2deg sgn subtract "
        "true_divide"
    ),
    special: "digamma erfinv i0 lgamma logit sinc xlogy",
    activation: "relu sigmoid",
    scan: "cumprod cumsum",
    _diagonal: "tril triu",
    index: "index_add masked_fill scatter_add",
    _scatter: "index_copy index_fill index_put masked_scatter put scatter scatter_reduce",
    products: "addbmm addmm addmv addr baddbmm",
}


class InPlace:
    """add_ and the like: the result overwrites the tensor, broadcast never changes its shape."""

    __slots__ = ()

    t_ = _reshaped("t_", shape.t)
    squeeze_ = _reshaped("squeeze_", shape.squeeze)
    unsqueeze_ = _reshaped("unsqueeze_", shape.unsqueeze)
    transpose_ = swapaxes_ = swapdims_ = _reshaped("transpose_", layout.transpose)

    def normal_(self, mean: float = 0, std: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers of the normal distribution."""
        from .random import randn_like

        drawn = randn_like(self, generator=generator) * std + mean
        return _indexing.assign("normal_", self, drawn)

    def uniform_(self, from_: float = 0, to: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers spread evenly over [from_, to)."""
        from .random import rand_like

        drawn = rand_like(self, generator=generator) * (to - from_) + from_
        return _indexing.assign("uniform_", self, drawn)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Overwrite with 1 at probability p, else 0."""
        from .distributions import coins

        return _indexing.assign("bernoulli_", self, coins(self, p, generator))

    def exponential_(self, lambd: float = 1, *, generator: Any = None) -> Tensor:
        """Overwrite with numbers of the exponential distribution of that rate."""
        from .random import rand_like

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

for _class in (Methods, InPlace):
    for _name, _function in list(vars(_class).items()):
        if isinstance(_function, FunctionType):
            setattr(_class, _name, explained(_function, takes_out=_class is Methods))
