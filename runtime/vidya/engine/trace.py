"""Recording ops into nodes: the values, scalars and kernels of a plan in the making."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .. import _core, dtypes
from ..errors import TraceError
from .device import device


class NoKernel(Exception):
    """No kernel on this device takes that call; the text says why."""


@dataclass
class Node:
    """One kernel launch of a plan. Tensors are symbolic; None is an absent input."""

    op: str
    inputs: list[Any]
    outputs: list[Any]
    attrs: dict[str, Any]
    kernel: Any = None  # _core.Kernel
    caps: int = 0
    function: Any = None  # instead of a kernel: a Python function on tensors
    parts: tuple[str, ...] = ()  # the ops that it takes the place of

    def may_overwrite(self, target: Any) -> bool:
        """May an output lie in `target`'s memory, by what the inputs see of it? (VD_CAP_INPLACE)"""
        inputs = [x for x in self.inputs if x is not None]
        seen = [x for x in inputs if x._slot == target._slot]
        if not seen:
            return True
        if any(x._meta_key != target._meta_key or x._offset != target._offset for x in seen):
            return False
        first = next(x for x in inputs if x._meta_key == target._meta_key)
        alone = len(seen) == 1 and first is seen[0]
        return bool(self.caps & INPLACE) and (alone or self.op in ELEMENTWISE)


# whose outputs may lie in the memory of any operand, not of the first one of their kind only
ELEMENTWISE = (
    "ewise",
    "ewise_sums",
    "add",
    "sub",
    "mul",
    "div",
    "adamw_step",
    "adamw_steps",
    "sgd_step",
)
STRIDED_IN, INPLACE, ALLOCS_OUTPUT, PREFERRED, _, SCALAR_IN, STRIDED_OUT = (
    1 << i for i in range(7)
)
_TAKES_SCALARS = {"fill", "arange", "random_bits"}  # by their definition


@dataclass
class Trace:
    """What one plan will do on one device."""

    device: device
    nodes: list[Node] = field(default_factory=list)
    scalars: list[tuple] = field(default_factory=list)
    values: int = 0
    dry: int = 0  # above 0: shapes only, no kernels
    inputs: list[Any] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)  # bytes by value
    rebinds: list[tuple[Any, Any]] = field(default_factory=list)
    mutated: set[int] = field(default_factory=set)

    # ---- values ----

    def new(self, shape: Sequence[int], dtype: dtypes.dtype) -> Any:
        """A new symbolic tensor, contiguous."""
        if not all(isinstance(s, int) for s in shape):
            raise TypeError(f"sizes must be ints, got {tuple(shape)}")
        slot = self.values
        self.values += 1
        symbol = _core.symbolic(self.device.core, slot, dtype, list(shape), None, 0)
        self.sizes[slot] = symbol.numel() * dtype.itemsize
        return symbol

    def input(self, tensor: Any) -> Any:
        """A symbolic stand-in for the next input of the plan."""
        slot = self.values
        self.values += 1
        flags = 2 if tensor._param else 0
        symbol = _core.symbolic(
            self.device.core, slot, tensor.dtype, list(tensor.shape), list(tensor.strides), flags
        )
        self.inputs.append(symbol)
        return symbol

    def _scalar(self, spec: tuple, dtype: dtypes.dtype) -> Any:
        self.scalars.append(spec)
        return _core.symbolic(self.device.core, -len(self.scalars), dtype, [], None, 4)  # WEAK

    def argument(self, index: int, number: Any) -> Any:
        """The plan's `index`-th number; only its Python type is fixed."""
        return self._scalar(("argument", index), dtypes.as_dtype(type_of(number)))

    def constant(self, number: Any) -> Any:
        """A number known now, as a 0-d symbolic tensor."""
        return self._scalar(("constant", number), dtypes.as_dtype(type_of(number)))

    def expression(self, op: str, a: Any, b: Any) -> Any:
        """Arithmetic on scalars, done in float64 on the host at every run: op in + - * / ^ r."""
        spec = ("expression", op, -1 - a._slot, -1 - b._slot)
        whole = op in "+-*" and not any(t.dtype.category >= dtypes.FLOAT for t in (a, b))
        return self._scalar(spec, dtypes.int64 if whole else dtypes.default_float())

    def rewind(self, mark: int) -> None:
        del self.nodes[mark:]

    @contextmanager
    def shapes_only(self) -> Iterator[None]:
        self.dry += 1
        try:
            yield
        finally:
            self.dry -= 1

    # ---- nodes ----

    def emit(
        self,
        op: str,
        inputs: Sequence[Any],
        outputs: Sequence[tuple[Sequence[int], dtypes.dtype]],
        attrs: dict[str, Any] | None = None,
        *,
        elementwise: bool = False,
    ) -> list[Any]:
        """One kernel call; gives its outputs, (shape, dtype) each. NoKernel if there is none.

        What a kernel does not take is mended here: strided inputs are copied, scalars become
        tensors (of the output's shape if `elementwise`).
        """
        outs = [self.new(shape, dtype) for shape, dtype in outputs]
        if self.dry:
            return outs
        ins, attrs = list(inputs), attrs or {}
        shape = outs[0].shape if elementwise else None
        reason = ""
        for attempt in range(3):
            found = self.device.core.find(op, ins, outs, attrs)
            if isinstance(found, str):
                reason = reason or found
                if attempt or not self._mend(ins, shape, scalars=op not in _TAKES_SCALARS):
                    raise NoKernel(reason)
                continue
            kernel, caps = found
            scalars = not caps & SCALAR_IN and op not in _TAKES_SCALARS
            strides = not caps & STRIDED_IN
            if not self._mend(ins, shape, scalars=scalars, strides=strides):
                self.nodes.append(Node(op, ins, outs, attrs, kernel, caps))
                return outs
        raise NoKernel(reason or f"{op}: its kernel refuses contiguous tensors")

    def _mend(self, ins: list[Any], shape: Any, *, scalars: bool, strides: bool = True) -> bool:
        """Replace scalar and strided inputs by plain tensors; did anything change?"""
        changed = False
        for i, x in enumerate(ins):
            if x is None:
                continue
            if scalars and x._slot < 0:
                ins[i] = self.materialize(x, x.shape if shape is None else shape)
                changed = True
            elif strides and not x.is_contiguous():
                ins[i] = self.contiguous(x)
                changed = True
        return changed

    def python_step(self, op: str, function: Any, inputs: list[Any], outputs: Sequence) -> list:
        """A step in Python: function(*tensors) -> tensors like the outputs."""
        outs = [self.new(shape, dtype) for shape, dtype in outputs]
        if not self.dry:
            self.nodes.append(Node(op, list(inputs), outs, {}, None, 0, function))
        return outs

    def contiguous(self, x: Any) -> Any:
        return x if x.is_contiguous() else self.emit("copy", [x], [(x.shape, x.dtype)])[0]

    def materialize(self, scalar: Any, shape: Sequence[int] = ()) -> Any:
        """A scalar as a tensor of that shape."""
        return self.emit("fill", [scalar], [(shape, scalar.dtype)])[0]

    def view(self, x: Any, shape: Sequence[int], strides: Sequence[int], offset: int = 0) -> Any:
        """The same memory seen otherwise; `offset` in bytes from x's own start."""
        return _core.view(x, list(shape), list(strides), x._offset + offset, None)

    def copy_into(self, target: Any, source: Any) -> None:
        """Write `source` over the memory of `target` (a view of a value made here, or an input)."""
        if self.dry:
            return
        found = self.device.core.find("copy", [source], [target], {})
        if isinstance(found, str):
            raise NoKernel(found)
        self.nodes.append(Node("copy", [source], [target], {}, *found))

    def write(self, target: Any, source: Any) -> None:
        """Make `target`, an input of the plan, hold `source` (same shape and dtype)."""
        if self.dry:
            return
        slot = target._slot
        position = next(i for i, x in enumerate(self.inputs) if x._slot == slot)
        self.mutated.add(position)
        if not self.device.core.strided:
            taken = any(source._slot == other._slot for _, other in self.rebinds)
            if taken or any(source._slot == x._slot for x in self.inputs):
                source = self.emit("copy", [source], [(source.shape, source.dtype)])[0]
            self.rebinds.append((position, source))
        elif not self._retarget(target, source):
            self.copy_into(target, source)

    def _retarget(self, target: Any, source: Any) -> bool:
        """Let the kernel that makes `source` write straight into `target`, if that is safe."""
        if source._slot < 0 or not (target.is_contiguous() and source.is_contiguous()):
            return False
        for at in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[at]
            made = [i for i, out in enumerate(node.outputs) if out._slot == source._slot]
            if made:
                break
            if any(x is not None and x._slot == target._slot for x in node.inputs + node.outputs):
                return False  # something in between still needs what target holds
        else:
            return False
        if not node.caps & INPLACE or node.outputs[made[0]].shape != source.shape:
            return False
        if not node.may_overwrite(target):
            return False
        if any(
            x is not None and x._slot == source._slot
            for later in self.nodes[at + 1 :]
            for x in later.inputs + later.outputs
        ):
            return False
        node.outputs[made[0]] = target
        return True

    # ---- what only a capture of user code can do (vidya.compile) ----

    def capture(self, tensor: Any) -> Any:
        """The symbol for a real tensor that is no argument."""
        raise TraceError("the body of an op may use its arguments only, not other tensors")

    def watch(self, module: Any) -> None:
        """The parts of a module are about to be read."""

    def grad_read(self, tensor: Any) -> None:
        """The .grad of a real tensor is about to be read."""

    def symbol(self, tensor: Any) -> Any:
        """What stands for `tensor` in this trace."""
        return self.capture(tensor) if tensor._slot is None else tensor


def type_of(number: Any) -> type:
    for kind in (bool, int, float, complex):
        if isinstance(number, kind):
            return kind
    raise TypeError(f"expected a number, not {type(number).__name__}")


def current() -> Trace:
    """The trace that the running op body records into."""
    trace = _core.current_trace()
    if trace is None:
        raise TraceError("the body of an op ran outside of a trace")
    return trace


@contextmanager
def untraced() -> Iterator[None]:
    """What runs within is real, also while a function is traced: state that outlives the call."""
    was = _core.set_trace(None)
    try:
        yield
    finally:
        _core.set_trace(was)


def live(source: Callable[[], Any], key: Any = None, like: Any = None) -> Any:
    """source(), a number; in a traced function, a number that is asked for anew at every replay.

    Calls with the same key share one number. `like` is a number of the same type, for a source
    that must not be asked while tracing.
    """
    trace = _core.current_trace()
    return source() if trace is None else trace.live(source, key, like)


def act(action: Callable[[], None]) -> None:
    """action(); in a traced function, it is done at every replay, in order with `live` numbers."""
    trace = _core.current_trace()
    if trace is None:
        action()
    else:
        trace.act(action)


def depends(holds: Callable[[], bool]) -> None:
    """A traced function is right only while holds(); after that it is traced anew."""
    trace = _core.current_trace()
    if trace is not None:
        trace.depends(holds)


@contextmanager
def recording(trace: Trace) -> Iterator[None]:
    was = _core.set_trace(trace)
    try:
        yield
    finally:
        _core.set_trace(was)
