"""The Tensor: data of one dtype and shape on one device.  Methods are PyTorch's."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core, dtypes, ops
from . import indexing as _indexing
from .arguments import explained
from .engine import autograd as _autograd
from .engine.device import device as _device
from .errors import TraceError
from .methods import InPlace, Methods
from .ops import (
    activation,
    bits,
    compare,
    create,
    elementwise,
    index,
    layout,
    linalg,
    reduce,
    scan,
    softmax,
    sort,
    unary,
)
from .printing import to_text

if TYPE_CHECKING:
    from .dtypes import dtype as DType


def _sizes(args: tuple) -> tuple:
    """f(2, 3) and f((2, 3)) alike."""
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


class Tensor(_core.TensorBase, Methods, InPlace):
    """An n-dimensional array on a device that knows how it was made.

    Make one with `vidya.tensor(data)`, `vidya.zeros(2, 3)`, `vidya.from_numpy(array)` ...
    """

    __slots__ = ()
    __array_ufunc__ = None  # array + tensor is ours, not NumPy's

    # ---- arithmetic ----

    __add__ = __radd__ = ops.elementwise.add
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

    def __pos__(self) -> Tensor:
        return self

    def __rmod__(self, other: Any) -> Tensor:
        return elementwise.remainder(other, self)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return elementwise.floor_divide(other, self)

    def __rlshift__(self, other: Any) -> Tensor:
        return bits.bitwise_left_shift(other, self)

    def __rrshift__(self, other: Any) -> Tensor:
        return bits.bitwise_right_shift(other, self)

    def __rmatmul__(self, other: Any) -> Tensor:
        from .construct import as_tensor

        return linalg.matmul(as_tensor(other, device=self.device), self)

    def __iadd__(self, other: Any) -> Tensor:
        return self.add_(other)

    def __isub__(self, other: Any) -> Tensor:
        return self.sub_(other)

    def __imul__(self, other: Any) -> Tensor:
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self.div_(other)

    add, sub, mul, div = elementwise.add, elementwise.sub, elementwise.mul, elementwise.div
    pow, remainder, fmod = elementwise.pow, elementwise.remainder, elementwise.fmod
    floor_divide, maximum, minimum = (
        elementwise.floor_divide,
        elementwise.maximum,
        elementwise.minimum,
    )
    neg, abs, sign, square = (
        unary.neg,
        unary.abs,
        unary.sign,
        unary.square,
    )
    floor, ceil, round, trunc = (
        unary.floor,
        unary.ceil,
        unary.round,
        unary.trunc,
    )
    sqrt, rsqrt, reciprocal = unary.sqrt, unary.rsqrt, unary.reciprocal
    exp, expm1, exp2 = unary.exp, unary.expm1, unary.exp2
    log, log1p, log2, log10 = (
        unary.log,
        unary.log1p,
        unary.log2,
        unary.log10,
    )
    sin, cos, tan = unary.sin, unary.cos, unary.tan
    asin, acos, atan = unary.asin, unary.acos, unary.atan
    sinh, cosh, tanh = unary.sinh, unary.cosh, unary.tanh
    asinh, acosh, atanh = unary.asinh, unary.acosh, unary.atanh
    erf, erfc, clamp, clip = (
        unary.erf,
        unary.erfc,
        unary.clamp,
        unary.clamp,
    )
    atan2, conj = elementwise.atan2, layout.conj
    bitwise_and, bitwise_or = bits.bitwise_and, bits.bitwise_or
    bitwise_xor, bitwise_not = bits.bitwise_xor, bits.bitwise_not
    logical_not, logical_and = bits.logical_not, compare.logical_and
    logical_or, logical_xor = compare.logical_or, compare.logical_xor
    eq, ne, lt, le, gt, ge = (
        compare.eq,
        compare.ne,
        compare.lt,
        compare.le,
        compare.gt,
        compare.ge,
    )
    isnan, isinf, isfinite = unary.isnan, compare.isinf, compare.isfinite
    relu, sigmoid, masked_fill = activation.relu, activation.sigmoid, index.masked_fill
    clone = elementwise.clone

    def where(self, condition: Tensor, other: Any) -> Tensor:
        return elementwise.where(condition, self, other)

    # ---- reductions, scans, order ----

    sum, prod, mean, amax, amin = (
        reduce.sum,
        reduce.prod,
        reduce.mean,
        reduce.amax,
        reduce.amin,
    )
    argmax, argmin, any, all = reduce.argmax, reduce.argmin, reduce.any_, reduce.all_
    logsumexp = reduce.logsumexp
    cumsum, cumprod, cummax, cummin = scan.cumsum, scan.cumprod, scan.cummax, scan.cummin
    sort, argsort, topk = sort.sort, sort.argsort, sort.topk
    softmax, log_softmax = softmax.softmax, softmax.log_softmax

    # ---- products ----

    matmul = linalg.matmul

    @property
    def T(self) -> Tensor:
        """All dims reversed."""
        return layout.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dims exchanged."""
        return layout.transpose(self, -2, -1)

    # ---- layout ----

    def reshape(self, *shape: Any) -> Tensor:
        return layout.reshape(self, _sizes(shape))

    def view(self, *shape: Any) -> Tensor:
        return layout.view(self, _sizes(shape))

    def permute(self, *dims: Any) -> Tensor:
        return layout.permute(self, _sizes(dims))

    transpose = layout.transpose

    def expand(self, *shape: Any) -> Tensor:
        return layout.expand(self, _sizes(shape))

    def expand_as(self, other: Tensor) -> Tensor:
        return layout.expand(self, other.shape)

    def contiguous(self) -> Tensor:
        return self if self.is_contiguous() else self.clone()

    def sum_to(self, shape: Sequence[int]) -> Tensor:
        """Summed to `shape`, from which it was broadcast."""
        if tuple(shape) == self.shape:
            return self
        pad = self.ndim - len(shape)
        dims = tuple(range(pad)) + tuple(
            i for i, s in enumerate(shape, pad) if s == 1 and self.shape[i] != 1
        )
        out = reduce.sum(self, dims, True) if dims else self
        return layout.reshape(out, tuple(shape))

    # ---- index ----

    gather, index_select = index.gather, index.index_select
    scatter_add, index_add = index.scatter_add, index.index_add
    __getitem__ = _indexing.getitem
    __setitem__ = _indexing.setitem

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("a 0-d tensor cannot be iterated")
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    # ---- in place: only where nothing is recorded ----

    def copy_(self, source: Any) -> Tensor:
        """Overwrite with `source`, broadcast and cast."""
        return _indexing.write(self, source)

    def fill_(self, value: float) -> Tensor:
        return _indexing.write(self, value)

    def zero_(self) -> Tensor:
        return _indexing.write(self, 0)

    def add_(self, other: Any, alpha: float = 1) -> Tensor:
        return _indexing.update("add_", self, other, lambda x, y: elementwise.add(x, y, alpha))

    def sub_(self, other: Any, alpha: float = 1) -> Tensor:
        return _indexing.update("sub_", self, other, lambda x, y: elementwise.sub(x, y, alpha))

    def mul_(self, other: Any) -> Tensor:
        return _indexing.update("mul_", self, other, elementwise.mul)

    def div_(self, other: Any) -> Tensor:
        return _indexing.update("div_", self, other, elementwise.div)

    # ---- gradients ----

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Switch the recording for this leaf; gives itself."""
        self.requires_grad = requires_grad
        return self

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

    # ---- dtype and device ----

    def to(self, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False) -> Tensor:
        """In another dtype and/or on another device: to("openblas"), to(vidya.float64), to(other).

        Gives itself where nothing changes and copy is not asked for.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, _device) or (
                isinstance(arg, str) and arg.split(":")[0] not in dtypes._BY_NAME
            ):
                device = arg
            else:
                dtype = arg
        out = self
        if dtype is not None and (wanted := dtypes.as_dtype(dtype)) is not self.dtype:
            out = elementwise.cast(out, wanted)
        if device is not None and (target := _device(device)) is not self.device:
            out = _indexing.to_device(out, target)
        return out.clone() if copy and out is self else out

    def type(self, dtype: Any) -> Tensor:
        return self.to(dtype)

    def float(self) -> Tensor:
        return self.to(dtypes.float32)

    def double(self) -> Tensor:
        return self.to(dtypes.float64)

    def half(self) -> Tensor:
        return self.to(dtypes.float16)

    def bfloat16(self) -> Tensor:
        return self.to(dtypes.bfloat16)

    def long(self) -> Tensor:
        return self.to(dtypes.int64)

    def int(self) -> Tensor:
        return self.to(dtypes.int32)

    def bool(self) -> Tensor:
        return self.to(dtypes.bool_)

    def cpu(self) -> Tensor:
        return self.to("numpy")

    def is_floating_point(self) -> Any:
        return self.dtype.is_floating_point

    def is_complex(self) -> Any:
        return self.dtype.is_complex

    @property
    def real(self) -> Tensor:
        """The real part."""
        return layout.view_as_real(self)[..., 0] if self.dtype.is_complex else self

    @property
    def imag(self) -> Tensor:
        """The imaginary part of a complex tensor."""
        return layout.view_as_real(self)[..., 1]

    # ---- like this one ----

    def new_full(self, size: Sequence[builtins.int], value: Any, dtype: Any = None) -> Tensor:
        type_ = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        return create.full(tuple(size), value, type_, self.device)

    def new_zeros(self, *size: Any, dtype: Any = None) -> Tensor:
        return self.new_full(_sizes(size), 0, dtype)

    def new_ones(self, *size: Any, dtype: Any = None) -> Tensor:
        return self.new_full(_sizes(size), 1, dtype)

    def new_empty(self, *size: Any, dtype: Any = None) -> Tensor:
        type_ = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        return create.empty(_sizes(size), type_, self.device)

    # ---- to the host ----

    def size(self, dim: builtins.int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> Any:
        return self.ndim

    def stride(self, dim: builtins.int | None = None) -> Any:
        return self.strides if dim is None else self.strides[dim]

    def element_size(self) -> Any:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        return self.numel() * self.dtype.itemsize

    def data_ptr(self) -> Any:
        """The address of the first element; ValueError where the host has no access."""
        view = _core.host_view(self)
        if view is None:
            raise ValueError(f"the memory of {self.device} has no host address")
        return view.ctypes.data

    def numpy(self, *, force: Any = False) -> np.ndarray:
        """As a NumPy array: the same memory where the host can reach it, else a copy.

        Raises AutogradError for a tensor that requires grad; use detach() or force=True.
        """
        if self.requires_grad and not force:
            raise _autograd.AutogradError(
                "numpy(): this tensor requires grad; use x.detach().numpy() or numpy(force=True)"
            )
        view = _core.host_view(self)
        return view if view is not None else _core.download(self.detach().contiguous())

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self.numpy(force=True)
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions of the Python array API standard: `vidya.array_api`."""
        from . import array_api

        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
            raise ValueError(
                f"__array_namespace__: the versions are 2021.12 to 2024.12, not {api_version!r}"
            )
        return array_api

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """On another device, as `to`. Devices have no streams: stream must be None."""
        if stream is not None:
            raise ValueError("to_device: devices have no streams here; leave stream out")
        return self.to(device=device)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Any = None,
        dl_device: Any = None,
        copy: Any = None,
    ) -> Any:
        if dl_device not in (None, (1, 0)):
            raise BufferError(f"__dlpack__: only the CPU, (1, 0), can be shared, not {dl_device}")
        return _core.to_dlpack(self.clone() if copy else self)

    def __dlpack_device__(self) -> tuple[Any, Any]:
        return (1, 0)

    def item(self) -> Any:
        """The single element as a Python number."""
        if self.numel() != 1:
            raise ValueError(f"item(): only for a single element, this is {tuple(self.shape)}")
        return _core.download(self.detach().contiguous()).item()

    def tolist(self) -> Any:
        return self.detach().numpy().tolist()

    def __bool__(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                f"a tensor of {self.numel()} elements is neither true nor false; "
                "use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> Any:
        return int(self.item())

    def __complex__(self) -> Any:
        return complex(self.item())

    def __index__(self) -> Any:
        value = self.item()
        if not isinstance(value, int):
            raise TypeError("only integer tensors can be used as an index")
        return value

    def __repr__(self) -> str:
        return to_text(self)

    def __str__(self) -> str:
        if self._slot is not None:
            raise TraceError("a traced value cannot be printed: it has no numbers yet")
        return to_text(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.numel() == 1 else str(self)

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise _autograd.AutogradError("only leaves can be deep-copied; use detach() first")
        with _autograd.no_grad():
            data = self.detach().clone()
        out = type(self)(data) if type(self) is not Tensor else data
        memo[id(self)] = out
        return out.requires_grad_(self.requires_grad)

    def __reduce_ex__(self, protocol: Any) -> Any:
        array = np.array(self.detach().numpy())
        return (_from_pickle, (array, self.dtype, self.requires_grad))


_GUARDED = """
add_ backward copy_ div_ expand_as fill_ mul_ new_empty new_full new_ones new_zeros sub_
sum_to to where zero_
"""
for _name in _GUARDED.split():
    setattr(Tensor, _name, explained(getattr(Tensor, _name)))

_core.set_tensor_class(Tensor)


def _from_pickle(array: np.ndarray, dtype: DType, requires_grad: bool) -> Tensor:
    from .construct import tensor

    return tensor(array, dtype=dtype).requires_grad_(requires_grad)
