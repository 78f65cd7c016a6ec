"""Methods of Tensor that are functions of the op families: the first argument is the tensor."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ..calls.arguments import explained
from ..ops import (
    activation,
    arrange,
    bessel,
    bits,
    compare,
    complex,
    elementwise,
    gamma,
    gradients,
    index,
    inquiry,
    integers,
    layout,
    linalg,
    magnitude,
    parts,
    pointwise,
    products,
    rank,
    rectifiers,
    reduce,
    scan,
    sets,
    shape,
    special,
    statistics,
    strided,
    unary,
)
from ..ops import diagonal as _diagonal
from ..ops import masked as _masked
from ..ops import nextafter as _nextafter
from ..ops import scatter as _scatter
from ..ops import softmax as _softmax
from ..ops import sort as _sort

if TYPE_CHECKING:
    from . import Tensor


class Methods:
    """The families' functions as methods."""

    __slots__ = ()

    # ---- arithmetic ----

    add, sub, mul, div = elementwise.add, elementwise.sub, elementwise.mul, elementwise.div
    multiply, divide, subtract = elementwise.mul, elementwise.div, elementwise.sub
    true_divide, floor_divide = pointwise.true_divide, elementwise.floor_divide
    remainder, fmod = elementwise.remainder, elementwise.fmod
    pow, float_power = elementwise.pow, pointwise.float_power
    maximum, minimum = elementwise.maximum, elementwise.minimum
    fmax, fmin, gcd, lcm = pointwise.fmax, pointwise.fmin, integers.gcd, integers.lcm
    lerp, addcmul, addcdiv = pointwise.lerp, pointwise.addcmul, pointwise.addcdiv
    hypot, ldexp = pointwise.hypot, pointwise.ldexp
    atan2 = arctan2 = elementwise.atan2
    copysign, heaviside = pointwise.copysign, pointwise.heaviside
    nextafter, clone = _nextafter.nextafter, elementwise.clone

    # ---- functions of one tensor ----

    neg = negative = unary.neg
    abs = absolute = unary.abs
    positive, sign, sgn = pointwise.positive, unary.sign, pointwise.sgn
    signbit, frac = pointwise.signbit, pointwise.frac
    floor, ceil, round = unary.floor, unary.ceil, unary.round
    trunc = fix = unary.trunc
    clamp = clip = unary.clamp
    clamp_min, clamp_max = pointwise.clamp_min, pointwise.clamp_max
    nan_to_num, deg2rad, rad2deg = pointwise.nan_to_num, pointwise.deg2rad, pointwise.rad2deg
    square, sqrt, rsqrt, reciprocal = unary.square, unary.sqrt, unary.rsqrt, unary.reciprocal
    exp, expm1, exp2 = unary.exp, unary.expm1, unary.exp2
    log, log1p, log2, log10 = unary.log, unary.log1p, unary.log2, unary.log10
    sin, cos, tan = unary.sin, unary.cos, unary.tan
    sinh, cosh, tanh = unary.sinh, unary.cosh, unary.tanh
    asin = arcsin = unary.asin
    acos = arccos = unary.acos
    atan = arctan = unary.atan
    asinh = arcsinh = unary.asinh
    acosh = arccosh = unary.acosh
    atanh = arctanh = unary.atanh
    erf, erfc, erfinv = unary.erf, unary.erfc, special.erfinv
    logit, sinc, i0 = special.logit, special.sinc, bessel.i0
    lgamma, digamma, mvlgamma = gamma.lgamma, gamma.digamma, inquiry.mvlgamma
    logaddexp, logaddexp2, xlogy = special.logaddexp, special.logaddexp2, special.xlogy
    relu, sigmoid = activation.relu, activation.sigmoid
    prelu, hardshrink = rectifiers.prelu, rectifiers.hardshrink
    conj, angle = complex.conj, complex.angle
    resolve_conj, resolve_neg = inquiry.resolve_conj, inquiry.resolve_neg

    def polygamma(self: Any, n: int) -> Tensor:
        return gamma.polygamma(n, self)

    # ---- bits and truth ----

    bitwise_and, bitwise_or = bits.bitwise_and, bits.bitwise_or
    bitwise_xor, bitwise_not = bits.bitwise_xor, bits.bitwise_not
    bitwise_left_shift = bits.bitwise_left_shift
    bitwise_right_shift = bits.bitwise_right_shift
    logical_not, logical_and = bits.logical_not, compare.logical_and
    logical_or, logical_xor = compare.logical_or, compare.logical_xor
    eq, ne, lt, le = compare.eq, compare.ne, compare.lt, compare.le
    gt, ge = compare.gt, compare.ge
    not_equal, less, less_equal = compare.ne, compare.lt, compare.le
    greater, greater_equal = compare.gt, compare.ge
    isclose, allclose, equal = pointwise.isclose, pointwise.allclose, pointwise.equal
    isnan, isinf, isfinite = unary.isnan, compare.isinf, compare.isfinite
    isposinf, isneginf, isreal = pointwise.isposinf, pointwise.isneginf, pointwise.isreal
    is_signed, is_nonzero = inquiry.is_signed, inquiry.is_nonzero
    is_same_size, is_conj, is_neg = inquiry.is_same_size, inquiry.is_conj, inquiry.is_neg

    def where(self: Any, condition: Tensor, other: Any) -> Tensor:
        return elementwise.where(condition, self, other)

    # ---- reductions ----

    sum, prod, mean = reduce.sum, reduce.prod, reduce.mean
    amax, amin, aminmax = reduce.amax, reduce.amin, statistics.aminmax
    max, min = statistics.max, statistics.min
    argmax, argmin, any, all = reduce.argmax, reduce.argmin, reduce.any_, reduce.all_
    var, std = statistics.var, statistics.std
    nansum, nanmean = statistics.nansum, statistics.nanmean
    median, nanmedian, mode = rank.median, rank.nanmedian, rank.mode
    quantile, nanquantile = rank.quantile, rank.nanquantile
    kthvalue, count_nonzero = rank.kthvalue, statistics.count_nonzero
    norm, dist, renorm = magnitude.norm, magnitude.dist, inquiry.renorm
    cov, corrcoef = inquiry.cov, inquiry.corrcoef
    logsumexp = reduce.logsumexp
    softmax, log_softmax = _softmax.softmax, _softmax.log_softmax

    def sum_to(self: Any, shape: Sequence[int]) -> Tensor:
        """Summed to `shape`, from which it was broadcast."""
        if tuple(shape) == self.shape:
            return self
        pad = self.ndim - len(shape)
        dims = tuple(range(pad)) + tuple(
            i for i, s in enumerate(shape, pad) if s == 1 and self.shape[i] != 1
        )
        out = reduce.sum(self, dims, True) if dims else self
        return layout.reshape(out, tuple(shape))

    # ---- scans and order ----

    cumsum, cumprod, cummax, cummin = scan.cumsum, scan.cumprod, scan.cummax, scan.cummin
    logcumsumexp, diff = scan.logcumsumexp, scan.diff
    sort, argsort, topk, msort = _sort.sort, _sort.argsort, _sort.topk, sets.msort
    unique, unique_consecutive = sets.unique, sets.unique_consecutive
    bincount, histc, histogram = sets.bincount, sets.histc, sets.histogram

    # ---- shapes ----

    flatten, ravel, unflatten = shape.flatten, shape.ravel, shape.unflatten
    unsqueeze, squeeze = shape.unsqueeze, shape.squeeze
    movedim = moveaxis = shape.movedim
    transpose = swapaxes = swapdims = layout.transpose
    t, adjoint, broadcast_to = shape.t, shape.adjoint, shape.broadcast_to
    narrow, narrow_copy, select = parts.narrow, parts.narrow_copy, parts.select
    unbind, split = parts.unbind, parts.split
    split_with_sizes = inquiry.split_with_sizes
    chunk, tensor_split = parts.chunk, parts.tensor_split
    hsplit, vsplit, dsplit = parts.hsplit, parts.vsplit, parts.dsplit
    repeat, tile, roll = arrange.repeat, arrange.tile, arrange.roll
    repeat_interleave, rot90 = arrange.repeat_interleave, arrange.rot90
    flip, fliplr, flipud = arrange.flip, arrange.fliplr, arrange.flipud
    diagonal, diag, diag_embed = _diagonal.diagonal, _diagonal.diag, _diagonal.diag_embed
    diagonal_scatter, diagflat = _diagonal.diagonal_scatter, _diagonal.diagflat
    trace, tril, triu = _diagonal.trace, _diagonal.tril, _diagonal.triu
    as_strided, unfold = strided.as_strided, strided.unfold
    as_strided_scatter = strided.as_strided_scatter

    def reshape_as(self: Any, other: Tensor) -> Tensor:
        return layout.reshape(self, other.shape)

    def view_as(self: Any, other: Tensor) -> Tensor:
        return layout.view(self, other.shape)

    def expand_as(self: Any, other: Tensor) -> Tensor:
        return layout.expand(self, other.shape)

    # ---- index ----

    gather, index_select, take = index.gather, index.index_select, _scatter.take
    take_along_dim, masked_select = _scatter.take_along_dim, _masked.masked_select
    nonzero, argwhere = _masked.nonzero, _masked.argwhere
    scatter, scatter_add = _scatter.scatter, index.scatter_add
    scatter_reduce, index_add = _scatter.scatter_reduce, index.index_add
    put, index_put, index_copy = _scatter.put, _scatter.index_put, _scatter.index_copy
    index_reduce, matrix_exp = _scatter.index_reduce, gradients.matrix_exp
    index_fill, masked_fill = _scatter.index_fill, index.masked_fill
    masked_scatter, select_scatter = _masked.masked_scatter, _scatter.select_scatter
    slice_scatter = _scatter.slice_scatter

    # ---- products ----

    matmul, mm, bmm, mv = linalg.matmul, products.mm, products.bmm, products.mv
    dot, vdot, inner = products.dot, products.vdot, products.inner
    outer = ger = products.outer
    addmm, addmv, addr = products.addmm, products.addmv, products.addr
    addbmm, baddbmm = products.addbmm, products.baddbmm
    kron, cross = products.kron, products.cross


for _name, _function in list(vars(Methods).items()):
    if isinstance(_function, FunctionType):
        setattr(Methods, _name, explained(_function, takes_out=True))
