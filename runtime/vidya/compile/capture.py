"""Recording a user's function: what tensors, numbers and effects it has beyond its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import _core
from ..engine.trace import Trace, untraced
from ..engine.watched import parts
from ..errors import TraceError


@dataclass
class Capture(Trace):
    """A trace of user code.

    Real tensors that the code meets (parameters, buffers, caches) become inputs of the plan, by
    reference: writes to them in between runs are seen, and the plan writes to them.
    """

    tensors: list[Any] = field(default_factory=list)  # the real tensors among the arguments
    captured: list[Any] = field(default_factory=list)  # the other real ones, in input order
    numbers: int = 0  # arguments of the plan that are numbers
    given: int = 0  # those of them that are the function's
    host: list[tuple[Callable[[], Any], bool]] = field(default_factory=list)  # (call, gives number)
    found: dict[int, tuple[Any, Any]] = field(default_factory=dict)  # (tensor, its .grad) read
    grad_inputs: list[Any] = field(default_factory=list)  # tensors whose .grad is an input
    arguments: list[tuple[Any, Any]] = field(default_factory=list)  # (leaf argument, its .grad)
    through: list[Any] = field(default_factory=list)  # arguments with a history of their own
    watched: dict[int, tuple] = field(default_factory=dict)  # (module, parts, its tensors)
    freezes: bool = False  # may kernels count on weights to stay what they are?
    less_memory: bool | None = None  # may a plan be slower for it? None: if memory is scarce
    pack_weights: bool = False  # may kernels keep packed copies of those?
    frozen: list[int] = field(default_factory=list)  # numbers of the captured that they count on
    conditions: list[Callable[[], bool]] = field(default_factory=list)  # what must stay so
    _symbols: dict[int, Any] = field(default_factory=dict)  # by id of the real tensor
    _live: dict[Any, Any] = field(default_factory=dict)
    _now: dict[int, Any] = field(default_factory=dict)  # value -> what a write put in its place
    _written: dict[int, int] = field(default_factory=dict)  # and back: a later write finds it
    _grads: dict[int, tuple[Any, Any]] = field(default_factory=dict)  # (tensor, .grad before)

    # ---- tensors ----

    def capture(self, tensor: Any) -> Any:
        found = self._symbols.get(id(tensor))
        if found is None:
            if not self.values and not self.scalars:  # nothing yet: the device was a guess
                self.device = tensor.device
            if tensor.device is not self.device:
                raise TraceError(
                    f"this function runs on {self.device}, but it uses a tensor on "
                    f'{tensor.device}: move it first with x.to("{self.device}")'
                )
            found = self._symbols[id(tensor)] = self.input(tensor)
            self.captured.append(tensor)
        return found

    def symbol(self, tensor: Any) -> Any:
        symbol = self.capture(tensor) if tensor._slot is None else tensor
        return self._now.get(symbol._slot, symbol)

    def write(self, target: Any, source: Any) -> None:
        if self.dry:
            return
        slot = self._written.get(target._slot, target._slot)
        position = next((i for i, x in enumerate(self.inputs) if x._slot == slot), None)
        if position is not None:
            self.mutated.add(position)
            self._count_write(position, target)
        if self.device.core.strided:
            self.copy_into(target, source)
        else:  # tensors there are whole: later reads see the new value
            if position is not None:
                self.rebinds = [(p, s) for p, s in self.rebinds if p != position]
                taken = any(source._slot == s._slot for _, s in self.rebinds)
                if taken or any(source._slot == x._slot for x in self.inputs):
                    source = self.emit("copy", [source], [(source.shape, source.dtype)])[0]
                self.rebinds.append((position, source))
            self._now[slot] = source
            self._written[source._slot] = slot

    def _count_write(self, position: int, symbol: Any) -> None:
        """A captured tensor and the symbol of its views are one memory: both were written."""
        at = position - (len(self.inputs) - len(self.captured))
        if at >= 0:
            _core.count_write(self.captured[at])
            _core.count_write(symbol)

    # ---- numbers and effects on the host, done again at every replay ----

    def live(self, source: Callable[[], Any], key: Any = None, like: Any = None) -> Any:
        if key is not None and key in self._live:
            return self._live[key]
        symbol = self.argument(self.numbers, source() if like is None else like)
        self.numbers += 1
        self.host.append((source, True))
        if key is not None:
            self._live[key] = symbol
        return symbol

    def act(self, action: Callable[[], None]) -> None:
        self.host.append((action, False))

    def depends(self, holds: Callable[[], bool]) -> None:
        self.conditions.append(holds)

    def argument_number(self, number: Any) -> Any:
        """A number among the function's arguments."""
        symbol = self.argument(self.numbers, number)
        self.numbers += 1
        return symbol

    # ---- .grad ----

    def leaf_argument(self, tensor: Any, symbol: Any) -> None:
        """An argument that backward() may give a .grad; the one it has is an argument too."""
        symbol.requires_grad = True
        if tensor.grad is not None:
            symbol.grad = self.input(tensor.grad)
        self.arguments.append((symbol, symbol.grad))

    def argument_grads(self) -> list[tuple[int, Any]]:
        """(number of the leaf argument, .grad that the function leaves there), where it set one."""
        return [
            (i, symbol.grad)
            for i, (symbol, before) in enumerate(self.arguments)
            if symbol.grad is not before
        ]

    def grad_set(self, tensor: Any, value: Any) -> None:
        """The function is about to set tensor.grad."""
        if id(tensor) not in self._grads:
            with untraced():
                self._grads[id(tensor)] = tensor, tensor.grad

    def grad_read(self, tensor: Any) -> None:
        """What follows depends on tensor.grad, maybe as the function found it."""
        if id(tensor) not in self._grads and id(tensor) not in self.found:
            with untraced():
                self.found[id(tensor)] = tensor, tensor.grad

    def grads_as_inputs(self) -> None:
        """The .grad that the function found are inputs of every run, in front of what it captured:
        eager code in between puts another tensor there each time."""
        owners: dict[int, Any] = {}  # by id of the .grad
        for tensor, grad in self.found.values():
            if grad is None or id(grad) not in self._symbols:
                continue
            if owners.setdefault(id(grad), tensor) is not tensor:
                self.depends(_share(owners[id(grad)], tensor))
        self.grad_inputs = list(owners.values())
        first = len(self.inputs) - len(self.captured)
        number = {id(t): i for i, t in enumerate(self.captured, first)}
        self.captured = [t for t in self.captured if id(t) not in owners]
        order = [*range(first), *map(number.get, owners), *(number[id(t)] for t in self.captured)]
        now = {old: new for new, old in enumerate(order)}
        self.inputs = [self.inputs[i] for i in order]
        self.mutated = {now[i] for i in self.mutated}
        self.rebinds = [(now[i], symbol) for i, symbol in self.rebinds]

    def real_inputs(self) -> list[Any]:
        """What stands for each input while the plan is made."""
        grads = [t.grad for t in self.tensors if t.requires_grad and t.is_leaf]
        grads = [g for g in grads if g is not None]
        return [*self.tensors, *grads, *(t.grad for t in self.grad_inputs), *self.captured]

    # ---- modules ----

    def watch(self, module: Any) -> None:
        if id(module) not in self.watched:
            tensors = {
                name: t
                for name, t in {**vars(module), **module._buffers}.items()
                if isinstance(t, _core.TensorBase)
            }
            self.watched[id(module)] = (module, parts(module), tensors)

    def undo_parts(self) -> str:
        """Put back the tensors of modules that the function replaced by its own; what was wrong."""
        wrong = ""
        for module, _, tensors in self.watched.values():
            for name, tensor in tensors.items():
                now = getattr(module, name, None)
                if isinstance(now, _core.TensorBase) and now._slot is not None:
                    setattr(module, name, tensor)
                    wrong = (
                        f"{type(module).__name__}.{name} was set to a tensor of this function, "
                        f"which no run would repeat; write it in place, self.{name}.copy_(...)"
                    )
        return wrong

    def undo_grads(self) -> list[tuple[Any, Any]]:
        """Put every .grad of real tensors back; (tensor, .grad that the function leaves there)."""
        effects = []
        for tensor, before in self._grads.values():
            if tensor._slot is not None:  # lives within a run
                continue
            after = tensor.grad
            tensor.grad = before
            if after is not before:
                effects.append((tensor, after))
        return effects


def _share(a: Any, b: Any) -> Callable[[], bool]:
    return lambda: a.grad is b.grad
