"""Functions that a module calls around its forward and backward."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ..autograd.function import Function
from ..engine.grad_modes import is_grad_enabled
from ..errors import AutogradError
from ..tensor import Tensor

_ids = itertools.count()


class RemovableHandle:
    """Answers every register_*_hook; `remove()`, or the end of a `with` block, takes it away."""

    def __init__(self, table: dict[int, Any], key: int) -> None:
        self._table, self._key = table, key

    def remove(self) -> None:
        self._table.pop(self._key, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc) -> None:
        self.remove()


class HookTable:
    """The hooks of one module, in the order in which they were registered."""

    def __init__(self) -> None:
        self.forward_pre: dict[int, tuple[Callable, bool]] = {}
        self.forward: dict[int, tuple[Callable, bool]] = {}
        self.backward: dict[int, tuple[Callable, bool]] = {}

    def add(self, kind: str, hook: Callable, with_kwargs: bool) -> RemovableHandle:
        table, key = getattr(self, kind), next(_ids)
        table[key] = (hook, with_kwargs)
        return RemovableHandle(table, key)


class _Gate(Function):
    """Its tensors, unchanged; going back, `on_gradients` sees their gradients and may swap them."""

    @staticmethod
    def forward(ctx: Any, on_gradients: Callable, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.on_gradients = on_gradients
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple:
        return (None, *ctx.on_gradients(grads))


class _BackwardHooks:
    """One call of a module with backward hooks: a gate behind its inputs, one behind its outputs.

    The gates see this call's share of the gradients, also of a tensor that is used elsewhere.
    """

    def __init__(self, module: Any, hooks: HookTable) -> None:
        self.module, self.hooks = module, hooks
        self.grad_input: tuple[Tensor | None, ...] = ()
        self.grad_output: tuple[Tensor | None, ...] = ()
        self.has_inputs = False

    def watch_inputs(self, args: tuple) -> tuple:
        args, at = self._pass_gate(args, self._leave)
        self.has_inputs, self.grad_input, self._inputs = bool(at), (None,) * len(args), at
        return args

    def watch_outputs(self, output: Any) -> Any:
        many = isinstance(output, (tuple, list))
        outputs, at = self._pass_gate(tuple(output) if many else (output,), self._enter)
        self.grad_output, self._outputs = (None,) * len(outputs), at
        return type(output)(outputs) if many else outputs[0]

    def _pass_gate(self, values: tuple, on_gradients: Callable) -> tuple[tuple, list[int]]:
        """The values, those that want gradients behind a gate, and which these are."""
        at = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
        if not at or not is_grad_enabled():
            return values, []
        gated = list(values)
        for i, tensor in zip(at, _Gate.apply(on_gradients, *(values[i] for i in at)), strict=True):
            gated[i] = tensor
        return tuple(gated), at

    def _enter(self, grads: tuple[Tensor, ...]) -> tuple:
        self.grad_output = _spread(grads, self._outputs, len(self.grad_output))
        if not self.has_inputs:  # no gradient will leave, so this is the moment
            self._run()
        return grads

    def _leave(self, grads: tuple[Tensor, ...]) -> tuple:
        self.grad_input = _spread(grads, self._inputs, len(self.grad_input))
        self._run()
        return tuple(self.grad_input[i] for i in self._inputs)

    def _run(self) -> None:
        for hook, _ in list(self.hooks.backward.values()):
            changed = hook(self.module, self.grad_input, self.grad_output)
            if changed is None:
                continue
            changed = tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)
            if len(changed) != len(self.grad_input):
                raise AutogradError(
                    f"a backward hook of {type(self.module).__name__} returned {len(changed)} "
                    f"gradients for {len(self.grad_input)} arguments; return one for each"
                )
            self.grad_input = changed


def _spread(grads: tuple, at: list[int], length: int) -> tuple:
    """The gradients at their places among `length`, None at the others."""
    full: list[Any] = [None] * length
    for i, grad in zip(at, grads, strict=True):
        full[i] = grad
    return tuple(full)


def call_with_hooks(module, hooks: HookTable, args: tuple, kwargs: dict) -> Any:
    """module.forward with everything that was registered around it."""
    for hook, with_kwargs in list(hooks.forward_pre.values()):
        if with_kwargs:
            changed = hook(module, args, kwargs)
            if changed is not None:
                args, kwargs = changed
        else:
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
    backward = _BackwardHooks(module, hooks) if hooks.backward else None
    if backward is not None:
        args = backward.watch_inputs(args)
    output = module.forward(*args, **kwargs)
    if backward is not None:
        output = backward.watch_outputs(output)
    for hook, with_kwargs in list(hooks.forward.values()):
        changed = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if changed is not None:
            output = changed
    return output
