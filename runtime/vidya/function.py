"""Ops that users write themselves, with their own gradient."""

from __future__ import annotations

from typing import Any

from . import _core
from .engine import autograd
from .errors import AutogradError

_sequence = _core.next_sequence


class Context:
    """What forward hands to backward: attributes, and tensors by save_for_backward."""

    def __init__(self) -> None:
        self._saved: tuple[tuple[Any, int], ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        self._saved = tuple((t, t._version if t is not None else 0) for t in tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        for t, version in self._saved:
            if t is not None and t._version != version:
                raise AutogradError(
                    "a tensor saved for backward was modified in place since; save a copy"
                )
        return tuple(t for t, _ in self._saved)


class _Definition:
    """Stands where an op's definition stands, for the engine."""

    def __init__(self, cls: type[Function], n_inputs: int) -> None:
        from .schema import TENSOR

        self.name = cls.__name__
        self.params = [_Param(TENSOR) for _ in range(n_inputs)]

    @staticmethod
    def pullback_function(node: _Node, *_: Any) -> Any:
        return node.back


class _Param:
    def __init__(self, kind: int) -> None:
        self.kind = kind


class _Op:
    def __init__(self, definition: _Definition) -> None:
        self.definition = definition


class _Node:
    """A recorded call of a Function; the same face as `_core.Node`."""

    def __init__(self, cls: type[Function], context: Context, args: tuple, outputs: tuple) -> None:
        self.op = _Op(_Definition(cls, len(args)))
        self.sequence = _sequence()
        self.hooks: dict | None = None
        self.outputs = [(t.shape, t.dtype, t.device) for t in outputs]
        self._cls, self._context, self._released = cls, context, False
        self._edges: list[tuple] = []
        self._layout: list[int] = []
        for arg in args:
            if isinstance(arg, _core.TensorBase):
                edge = (arg.grad_fn or arg) if arg.requires_grad else None
                self._edges.append((edge, arg._output_index, arg.shape, arg.dtype))
                self._layout.append(-1)
            else:
                self._layout.append(-2)

    def arguments(self) -> tuple:
        if self._released:
            raise AutogradError(
                f"backward of {self._cls.__name__}: its saved values are gone after the first "
                "backward(); pass retain_graph=True to the first one to go back twice"
            )
        return ()

    def edges(self) -> list[tuple]:
        return self._edges

    def layout(self) -> list[int]:
        return self._layout

    def saved(self) -> list:
        return [t for t, _ in self._context._saved if t is not None]

    def release(self) -> None:
        self._released = True
        self._context._saved = ()

    def back(self, *grads: Any) -> Any:
        filled = [
            g if g is not None else _zeros(*meta)
            for g, meta in zip(grads, self.outputs, strict=True)
        ]
        result = self._cls.backward(self._context, *filled)
        return result if isinstance(result, tuple) else (result,)

    def __repr__(self) -> str:
        return f"<{self._cls.__name__}Backward>"


def _zeros(shape: tuple, dtype: Any, device: Any) -> Any:
    from .ops.create import full

    return full(shape, 0, dtype, device)


class Function:
    """An op with its own gradient, as in PyTorch.

        class Square(vidya.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return 2 * x * g

        y = Square.apply(x)

    backward returns one gradient per argument of forward, None for what has none.
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        raise NotImplementedError("a Function needs forward(ctx, ...)")

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        raise NotImplementedError("a Function needs backward(ctx, *grads) to be differentiated")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and record it."""
        context = Context()
        tensors = [a for a in args if isinstance(a, _core.TensorBase)]
        context.needs_input_grad = tuple(
            isinstance(a, _core.TensorBase) and a.requires_grad for a in args
        )
        with autograd.no_grad():
            result = cls.forward(context, *args)
        if not _core.is_grad_enabled() or not any(t.requires_grad for t in tensors):
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        outputs = tuple(t.detach() if any(t is a for a in tensors) else t for t in outputs)
        node = _Node(cls, context, args, outputs)
        for i, t in enumerate(outputs):
            if t.dtype.is_floating_point or t.dtype.is_complex:
                t._set_history(node, i)
        return outputs if isinstance(result, tuple) else outputs[0]
