"""What op bodies share: promotion, broadcasting, dims, and emitting kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import _core, dtypes
from ..dtypes import BOOL, COMPLEX, FLOAT, dtype
from ..engine import trace as tracing
from ..engine.dispatch import emit_primitive

if TYPE_CHECKING:
    from ..tensor import Tensor

Operand = Any  # a Tensor or a Python number; inside a body always a tensor
Dim = int
Dims = Any


def kernel(
    op: str, inputs: Sequence[Any], shape: Sequence[int], type_: dtype, **attrs: Any
) -> Tensor:
    """One kernel with one output."""
    return emit_primitive(op, list(inputs), [(tuple(shape), type_)], attrs)[0]


def kernels(op: str, inputs: Sequence[Any], outputs: list, **attrs: Any) -> tuple[Any, ...]:
    """One kernel with several outputs, (shape, dtype) each."""
    return tuple(emit_primitive(op, list(inputs), outputs, attrs))


def elementwise(op: str, inputs: Sequence[Tensor], type_: dtype | None = None) -> Tensor:
    """An element-wise kernel on operands that already share a dtype."""
    shape = broadcast_shapes(op, *(x.shape for x in inputs))
    ins = [x if x._slot < 0 else expand_to(x, shape) for x in inputs]
    outputs = [(shape, type_ or inputs[0].dtype)]
    return emit_primitive(op, ins, outputs, elementwise=True)[0]


def is_scalar(x: Tensor) -> bool:
    """A Python number in a body (no memory behind it)."""
    return x._slot is not None and x._slot < 0


# ---- dtypes ----


def result_type(*xs: Tensor) -> dtype:
    """The dtype of an op on these, by PyTorch's rule: tensors with dims beat 0-d tensors beat
    numbers, unless the lesser one is of a higher category (float over int over bool)."""
    tiers: list[dtype | None] = [None, None, None]
    for x in xs:
        tier = 2 if x._weak else 0 if x.ndim else 1
        known = tiers[tier]
        tiers[tier] = x.dtype if known is None else dtypes.promote_types(known, x.dtype)
    result: dtype | None = None
    for lesser in tiers:
        result = _combine(result, lesser)
    assert result is not None
    return result


def _combine(higher: dtype | None, lower: dtype | None) -> dtype | None:
    if higher is None or lower is None:
        return higher or lower
    if higher.category == COMPLEX:
        return higher
    if higher.category == FLOAT:
        return higher.to_complex() if lower.category == COMPLEX else higher
    if higher.category == BOOL or lower.category >= FLOAT:
        return dtypes.promote_types(higher, lower)
    return higher


def promote(*xs: Tensor, floating: bool = False) -> list[Tensor]:
    """The operands, cast to their common dtype; with `floating`, integers become floats."""
    common = result_type(*xs)
    if floating and common.category < FLOAT:
        common = dtypes.default_float()
    return [cast_to(x, common) for x in xs]


def as_floating(x: Tensor) -> Tensor:
    """Integers and bools become the default float."""
    return x if x.dtype.category >= FLOAT else cast_to(x, dtypes.default_float())


def cast_to(x: Tensor, type_: dtype) -> Tensor:
    if x.dtype is type_:
        return x
    if is_scalar(x):  # a number is converted when the plan runs
        if x.dtype.is_complex and type_.category in (1, 2, 3):
            raise TypeError(f"a complex number does not fit {type_.name}")
        symbol = _core_view(x, type_)
        symbol._weak = x._weak
        return symbol
    if _core.current_trace() is None:  # a body that autograd runs eagerly
        from .elementwise import cast

        weak = x._weak
        x = cast(x, type_)
        x._weak = weak
        return x
    return kernel("cast", [x], x.shape, type_)


def _core_view(x: Tensor, type_: dtype) -> Tensor:
    return _core.view(x, [], [], 0, type_)


def accumulation(type_: dtype) -> dtype:
    """What low precision is summed in."""
    return dtypes.float32 if type_ in (dtypes.float16, dtypes.bfloat16) else type_


# ---- shapes ----


def sizes_of(args: tuple) -> tuple:
    """f(2, 3) and f((2, 3)) alike."""
    return tuple(args[0]) if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def broadcast_shapes(op: str, *shapes: Sequence[int]) -> tuple[int, ...]:
    """NumPy's broadcasting. Raises ValueError naming the op and the shapes."""
    rank = max(map(len, shapes))
    out = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if size != 1 and out[i] not in (1, size):
                shown = " and ".join(str(tuple(s)) for s in shapes)
                raise ValueError(
                    f"{op}: shapes {shown} do not broadcast: at dim {i - rank} sizes "
                    f"{out[i]} and {size} differ and neither is 1"
                )
            if size != 1:
                out[i] = size
    return tuple(out)


def expand_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """x broadcast to `shape`, which is known to fit."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    if _core.current_trace() is None:
        from .layout import expand

        return expand(x, shape)
    trace = tracing.current()
    if trace.device.core.strided:
        pad = len(shape) - x.ndim
        strides = [0] * pad + [
            0 if have == 1 and want != 1 else s
            for have, want, s in zip(x.shape, shape[pad:], x.strides, strict=True)
        ]
        return trace.view(x, shape, strides)
    full = (1,) * (len(shape) - x.ndim) + x.shape
    if full != x.shape:
        x = kernel("reshape", [x], full, x.dtype)
    return x if full == shape else _view_copy(kernel("expand", [x], shape, x.dtype))


def _view_copy(x: Tensor) -> Tensor:
    x._view_copy = True
    return x


def wrap_dim(op: str, dim: Any, rank: int, *, name: str = "dim") -> int:
    """`dim` made non-negative. Raises TypeError or IndexError naming op, dim and rank."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{op}: {name} must be an int, not {dim!r}")
    dim, size = dim.__index__(), max(rank, 1)
    if not -size <= dim < size:
        raise IndexError(
            f"{op}: {name} {dim} is out of range for a tensor of {rank} dims: "
            f"it must be from {-size} to {size - 1}"
        )
    return dim % size


def wrap_dims(op: str, dim: Any, rank: int) -> tuple[int, ...]:
    """The dims to reduce, sorted; None or () means all. Raises ValueError on repeats."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(rank))
    dims = [wrap_dim(op, d, rank) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    if len(set(dims)) != len(dims):
        raise ValueError(f"{op}: dim {dim} names a dim twice")
    return tuple(sorted(d for d in dims if d < rank))


def reduced_shape(shape: Sequence[int], dims: Sequence[int], keepdim: bool) -> tuple[int, ...]:
    if keepdim:
        return tuple(1 if i in dims else s for i, s in enumerate(shape))
    return tuple(s for i, s in enumerate(shape) if i not in dims)


def as_sizes(op: str, sizes: Any) -> tuple[int, ...]:
    """Sizes given as ints or one sequence, as a tuple of ints."""
    try:
        return tuple(s.__index__() for s in sizes)
    except AttributeError:
        raise TypeError(f"{op}: sizes must be ints, got {sizes!r}") from None
