"""From a call to a plan: which kernels, in which order.

For one op on one device: native kernel, then a Python kernel that a plugin registered, then the
op's decomposition on that device, then another device if the fallback policy allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core, dtypes, schema
from ..calls.arguments import CONFUSED, complaint, names_an_op
from ..errors import UnsupportedError
from . import anomaly, fallback
from .build import build
from .device import default_device, device
from .from_host import as_tensor
from .trace import PREFERRED, NoKernel, Trace, recording, type_of

# Called with each op and how it was lowered, whenever a plan is made: for tools that explain.
observers: list[Callable[[schema.OpDef, Trace], None]] = []

# Called with the trace of an eager op of several kernels and what it returns, to make fewer of
# them.  The compiler, a floor above, puts its fusion here.
finishers: list[Callable[[Trace, list], Any]] = []


def resolve(op: Any, values: tuple) -> _core.Plan:
    """The plan for calling `op` with arguments like these."""
    definition: schema.OpDef = op.definition
    trace = Trace(_device_of(definition, values))
    args, numbers = [], 0
    for param, value in zip(definition.params, values, strict=True):
        _check_kind(definition.name, param, value)
        if param.kind == schema.ATTRIBUTE or value is None:
            args.append(value)
        elif param.kind == schema.LIST:
            args.append([trace.input(t) for t in value])
        elif isinstance(value, _core.TensorBase):
            args.append(trace.input(value))
        else:
            args.append(trace.argument(numbers, value))
            numbers += 1
    with recording(trace), _body_rules():
        try:
            out = lower(trace, definition, args)
        except NoKernel as error:
            raise UnsupportedError(_no_kernel(definition, args, trace, error)) from None
        except CONFUSED as error:
            if isinstance(error, (AttributeError, TypeError)):
                _explain(definition, values, error)
            if names_an_op(error):
                raise
            raise complaint(definition.name, values, error) from error
        for observe in observers:
            observe(definition, trace)
        if anomaly.enabled and not trace.mutated:
            anomaly.watch(definition, trace, out)
        elif len(trace.nodes) > 1 and not trace.mutated and all(trace.sizes.values()):
            # not in place, where the order of writes counts, and not on nothing
            outs = list(out) if isinstance(out, tuple) else [out]
            for finish in finishers:
                finish(trace, [t for t in outs if t is not None])
        return build(trace, out)


def _check_kind(op: str, param: Any, value: Any) -> None:
    """TypeError for a tensor where a Python value belongs, or nothing where something does."""
    if param.kind == schema.ATTRIBUTE:
        if isinstance(value, _core.TensorBase):
            raise TypeError(
                f"{op}: {param.name} must be a Python value, not a Tensor; use x.item()"
            )
        if param.annotation == "Dim" and not hasattr(value, "__index__"):
            raise TypeError(f"{op}: {param.name} must be an int, not {value!r}")
    elif (
        value is None
        and param.kind in (schema.TENSOR, schema.OPERAND)
        and (param.required or param.default is not None)
    ):
        raise TypeError(f"{op}: {param.name} must be a tensor or a number, not None")


def _explain(definition: schema.OpDef, values: tuple, error: Exception) -> None:
    """TypeError naming the first attribute that is of another kind than its default."""
    for param, value in zip(definition.params, values, strict=True):
        if param.kind != schema.ATTRIBUTE or param.required or param.default is None:
            continue
        if not isinstance(
            value, (int, float) if _is_number(param.default) else type(param.default)
        ):
            raise TypeError(
                f"{definition.name}: {param.name} must be like {param.default!r}, not {value!r}"
            ) from error


def trace_call(op: Any, values: tuple) -> Any:
    """An op called while a plan is made: lower it into that plan."""
    trace: Trace = _core.current_trace()
    definition = op.definition
    with _body_rules():
        return lower(trace, definition, _symbols(trace, definition, values))


@contextmanager
def _body_rules() -> Iterator[None]:
    """What a body calls is no business of autograd, and autocast has done its part before."""
    grad, cast = _core.set_grad_enabled(False), _core.set_autocast(-1)
    try:
        yield
    finally:
        _core.set_grad_enabled(grad)
        _core.set_autocast(cast)


def _symbols(trace: Trace, definition: schema.OpDef, values: tuple) -> list:
    args = []
    for param, value in zip(definition.params, values, strict=True):
        if param.kind == schema.LIST:
            args.append([trace.symbol(t) for t in value])
        elif param.kind == schema.ATTRIBUTE or value is None:
            args.append(value)
        elif isinstance(value, _core.TensorBase):
            args.append(trace.symbol(value))
        else:
            args.append(trace.constant(value))
    return args


def decompose(op: Any, values: tuple) -> Any:
    """Run an op's body eagerly, so that autograd sees the ops inside."""
    definition = op.definition
    like = next(v for v in values if isinstance(v, _core.TensorBase))
    args = [
        weak_number(v, like) if p.kind == schema.OPERAND and _is_number(v) else v
        for p, v in zip(definition.params, values, strict=True)
    ]
    return definition.body(*args)


def _is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))


def weak_number(value: Any, like: Any) -> Any:
    """A Python number as a 0-d tensor that yields in promotion, as bodies expect it."""
    type_ = dtypes.as_dtype(type_of(value))
    if like.dtype.to_real() is dtypes.float64:  # 0.1 in float32 is not 0.1
        type_ = {dtypes.float32: dtypes.float64, dtypes.complex64: dtypes.complex128}.get(
            type_, type_
        )
    out = like.new_full((), value, type_)
    out._weak = True
    return out


def lower(trace: Trace, definition: schema.OpDef, args: list) -> Any:
    """Put `definition(*args)` into the trace: as one kernel, or as its decomposition."""
    composite = definition.kind == schema.COMPOSITE and definition.fusable
    added = definition.kind == schema.PRIMITIVE and definition.name in trace.device.kernels.python
    if trace.dry or not (composite or added):
        return definition.body(*args)
    with trace.shapes_only():
        shapes = definition.body(*args)
    single = not isinstance(shapes, tuple)
    metas = [(t.shape, t.dtype) for t in ((shapes,) if single else shapes)]
    outs, nodes, mark = None, [], len(trace.nodes)
    if composite:
        tensors, attrs = _kernel_arguments(definition, args)
        try:
            outs = trace.emit(definition.name, tensors, metas, attrs)
            nodes = trace.nodes[mark:]
        except NoKernel:
            trace.rewind(mark)
    if added or (nodes and not nodes[-1].caps & PREFERRED):
        trace.rewind(mark)
        try:
            native = definition.body(*args)
            if not any(node.function for node in trace.nodes[mark:]):
                return native
        except NoKernel:
            pass
        trace.rewind(mark)
        trace.nodes += nodes
    if outs is None:
        outs = python_kernel(trace, definition, args, metas)
    if outs is None:
        return definition.body(*args)
    return outs[0] if single else tuple(outs)


def emit_primitive(
    op: str, inputs: list, outputs: list, attrs: dict | None = None, *, elementwise: bool = False
) -> list:
    """What the body of a primitive ends with: its kernel, or where else it can be had."""
    trace: Trace = _core.current_trace()
    try:
        return trace.emit(op, inputs, outputs, attrs, elementwise=elementwise)
    except NoKernel as error:
        return fallback.run_elsewhere(trace, op, inputs, outputs, attrs or {}, elementwise, error)


def python_kernel(trace: Trace, definition: schema.OpDef, args: list, metas: list) -> list | None:
    """The Python kernel that a plugin registered for this op and takes this call, as a step."""
    found = trace.device.kernels.find(definition.name, *args)
    if found is None:
        return None
    where: list[tuple[Any, Any]] = []
    tensors: list[Any] = []
    for param, arg in zip(definition.params, args, strict=True):
        if param.kind == schema.ATTRIBUTE or arg is None:
            where.append((None, arg))
        elif param.kind == schema.LIST:
            where.append((slice(len(tensors), len(tensors) + len(arg)), None))
            tensors += arg
        else:
            where.append((len(tensors), None))
            tensors.append(arg)

    def step(*given: Any) -> Any:
        return found.fn(*(given[at] if at is not None else arg for at, arg in where))

    return trace.python_step(definition.name, step, tensors, metas)


def _kernel_arguments(definition: schema.OpDef, args: list) -> tuple[list, dict]:
    """Tensors in order and attributes by name, as a backend's kernel for the whole op gets them."""
    tensors: list[Any] = []
    attrs: dict[str, Any] = {}
    for param, arg in zip(definition.params, args, strict=True):
        if param.kind == schema.LIST:
            tensors += arg
        elif param.kind != schema.ATTRIBUTE:
            tensors.append(_wide_number(arg, tensors))
        elif param.annotation == "Dim":
            attrs[param.name] = arg + tensors[0].ndim if arg < 0 else arg
        elif isinstance(arg, dtypes.dtype):
            attrs[param.name] = arg.name
        elif isinstance(arg, list):
            attrs[param.name] = tuple(arg)
        elif arg is not None and not isinstance(arg, device):
            attrs[param.name] = arg
    return tensors, attrs


def _wide_number(arg: Any, tensors: list) -> Any:
    """A Python float beside float64 tensors is float64 too: lr = 0.1 must not be rounded before."""
    is_float = arg is not None and arg._weak and arg.dtype.is_floating_point
    if is_float and tensors and tensors[0] is not None and tensors[0].dtype is dtypes.float64:
        return _core.view(arg, [], [], 0, dtypes.float64)
    return arg


def _device_of(definition: schema.OpDef, values: tuple) -> device:
    found: Any = None
    for param, value in zip(definition.params, values, strict=True):
        if param.kind == schema.ATTRIBUTE:
            if param.name == "device" and value is not None:
                found = found or device(value)
            continue
        for t in value if param.kind == schema.LIST else (value,):
            if not isinstance(t, _core.TensorBase):
                continue
            if found is not None and t.device is not found:
                raise ValueError(
                    f"{definition.name}: its tensors are on {found} and {t.device}; "
                    f'move one of them first: x.to("{found}")'
                )
            found = t.device
    if found is None and any(p.kind == schema.TENSOR for p in definition.params):
        raise TypeError(f"{definition.name}: needs a Tensor")
    return found or default_device()


def _no_kernel(definition: schema.OpDef, args: list, trace: Trace, error: NoKernel) -> str:
    tensors, _ = _kernel_arguments(definition, args)
    shown = ", ".join(
        "None" if t is None else f"{t.dtype.name}[{','.join(map(str, t.shape))}]" for t in tensors
    )
    return (
        f"{definition.name}({shown}) has no kernel on {trace.device}: {error}. "
        "Use another dtype or device, or allow other devices to help with VIDYA_FALLBACK=warn"
    )


def convert(op: Any, name: str, value: Any, like: Any) -> Any:
    """An argument that is no Tensor where one is needed: NumPy's arrays and scalars become one,
    on the device of the tensor `like` among the others, if there is one."""
    import numpy as np

    if isinstance(value, (np.ndarray, np.generic)):
        return as_tensor(np.asarray(value), device=None if like is None else like.device)
    raise TypeError(
        f"{op.name}(): argument '{name}' must be a Tensor, not {type(value).__name__}; "
        "make one with vidya.tensor(...)"
    )
