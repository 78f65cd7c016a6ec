"""Ops that users write themselves, with their own gradient."""

from __future__ import annotations

import functools
from typing import Any

from .. import _core
from ..dtypes import FLOAT
from ..engine import grad_modes
from ..errors import AutogradError

_sequence = _core.next_sequence


class Context:
    """What forward hands to backward: attributes, and tensors by save_for_backward.

    needs_input_grad: for every argument of forward, is its gradient wanted?
    """

    def __init__(self) -> None:
        self._saved: tuple[tuple[Any, int], ...] = ()
        self._without_gradient: tuple[Any, ...] = ()
        self._materialize = True
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

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """These results have no gradient; backward still gets zeros for them."""
        self._without_gradient = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: backward gets None, not zeros, for results that nothing depended on."""
        self._materialize = bool(value)

    def mark_dirty(self, *tensors: Any) -> None:
        raise AutogradError(
            "a Function must not write into its arguments: return new tensors, and write them "
            "into place outside of it"
        )


class _Definition:
    """Stands where an op's definition stands, for the engine."""

    def __init__(self, cls: type[Function], n_inputs: int) -> None:
        from ..schema import TENSOR

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
        self.outputs = [
            (t.shape, t.dtype, t.device) if isinstance(t, _core.TensorBase) else None
            for t in outputs
        ]
        self._cls, self._context, self.released = cls, context, False
        self._edges: list[tuple] = []
        self._layout: list[int] = []
        self._by_argument: list[tuple | None] = []
        for arg in args:
            if isinstance(arg, _core.TensorBase):
                edge = (arg.grad_fn or arg) if arg.requires_grad else None
                self._edges.append((edge, arg._output_index, arg.shape, arg.dtype))
                self._layout.append(-1)
                self._by_argument.append(self._edges[-1])
            else:
                self._layout.append(-2)
                self._by_argument.append(None)

    def arguments(self) -> tuple:
        if self.released:
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
        self.released = True
        self._context._saved = ()

    def back(self, *grads: Any) -> Any:
        filled = [
            _zeros(*meta) if g is None and meta and self._context._materialize else g
            for g, meta in zip(grads, self.outputs, strict=True)
        ]
        result = self._cls.backward(self._context, *filled)
        given = result if isinstance(result, tuple) else (result,)
        while len(given) > len(self._layout) and given[-1] is None:
            given = given[:-1]
        if len(given) != len(self._layout):
            raise AutogradError(
                f"{self._cls.__name__}.backward returned {len(given)} gradients, but "
                f"{self._cls.__name__}.forward takes {len(self._layout)} arguments: return one for "
                "each, None for what has none"
            )
        return tuple(self._fitting(i, g) for i, g in enumerate(given))

    def _fitting(self, i: int, g: Any) -> Any:
        """The gradient of argument i, summed to its shape if it is one that was broadcast."""
        edge, _, shape, _ = self._by_argument[i] or (None,) * 4
        if g is None or edge is None:
            return None
        what = f"{self._cls.__name__}.backward: the gradient of argument {i}"
        if not isinstance(g, _core.TensorBase):
            raise TypeError(f"{what} must be a Tensor or None, not {type(g).__name__}")
        if g.shape == shape:
            return g
        try:
            return g.sum_to_size(shape)
        except ValueError:
            raise ValueError(f"{what} has shape {g.shape}, the argument {shape}") from None

    def __repr__(self) -> str:
        return f"<{self._cls.__name__}Backward>"


def _zeros(shape: tuple, dtype: Any, device: Any) -> Any:
    from ..ops.create import full

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

    backward returns one gradient per argument of forward, None for what has none. A class with
    setup_context(ctx, inputs, output) has a forward without ctx.
    """

    setup_context: Any = None

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
        with grad_modes.no_grad():
            if cls.setup_context is None:
                result = cls.forward(context, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(context, args, result)
        if not _core.is_grad_enabled() or not any(t.requires_grad for t in tensors):
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        fixed = context._without_gradient
        node = _Node(cls, context, args, outputs)
        results = []
        for i, t in enumerate(outputs):
            if isinstance(t, _core.TensorBase):
                dead = any(t is other for other in fixed) or t.dtype.category < FLOAT
                if any(t is a for a in tensors):
                    t = t.detach()
                if not dead:
                    t._set_history(node, i)
            results.append(t)
        return tuple(results) if isinstance(result, tuple) else results[0]


def once_differentiable(backward: Any) -> Any:
    """Decorates a backward whose own gradient is not to be asked for: AutogradError if it is."""

    @functools.wraps(backward)
    def called(ctx: Context, *grads: Any) -> Any:
        if not _core.is_grad_enabled():
            return backward(ctx, *grads)
        with grad_modes.no_grad():
            result = backward(ctx, *grads)
        values = result if isinstance(result, tuple) else (result,)
        return _Dead.apply(*[v if v is None else v.detach().requires_grad_() for v in values])

    return called


class _Dead(Function):
    """Passes values on; going back through it is an error."""

    @staticmethod
    def forward(ctx: Context, *values: Any) -> Any:
        return values

    @staticmethod
    def backward(ctx: Context, *grads: Any) -> Any:
        raise AutogradError("this backward is marked once_differentiable: it has no gradient")
