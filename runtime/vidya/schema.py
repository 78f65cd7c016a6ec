"""What an op is.  No op is defined here.

    @op("silu", kind="composite")
    def silu(x: Tensor) -> Tensor:
        '''x * sigmoid(x), element-wise.'''
        return x * x.sigmoid()

The body runs while a plan is made, on symbolic tensors: it checks shapes and dtypes, and either
emits kernels (a primitive) or calls other ops (a composite, whose body is its definition).
Annotations tell the kinds of parameters apart:

    Tensor                a tensor
    Operand               a tensor or a Python number; numbers may differ from call to call
    Tensor | None         an optional tensor
    Sequence[Tensor]      several tensors
    Dim, Dims             an attribute, made non-negative before a kernel sees it
    anything else         an attribute: plans are remembered per value
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import _core
from .calls.spelling import spellings

PRIMITIVE, COMPOSITE, VIEW, IN_PLACE = "primitive", "composite", "view", "in_place"
_KINDS = {"Tensor": 0, "Operand": 1, "Tensor | None": 2, "Sequence[Tensor]": 3}
TENSOR, OPERAND, OPTIONAL, LIST, ATTRIBUTE = range(5)

REGISTRY: dict[str, OpDef] = {}


class Param:
    """One parameter of an op."""

    __slots__ = ("annotation", "default", "kind", "name", "required")

    def __init__(self, parameter: inspect.Parameter) -> None:
        self.name = parameter.name
        self.annotation = parameter.annotation
        self.kind = _KINDS.get(parameter.annotation, ATTRIBUTE)
        self.required = parameter.default is inspect.Parameter.empty
        self.default = None if self.required else parameter.default


class OpDef:
    """The definition of one op; `op` is the callable that users see."""

    def __init__(self, name: str, kind: str, body: Callable, differentiable: bool, fusable: bool):
        self.name = name
        self.kind = kind
        self.body = body
        self.differentiable = differentiable
        self.fusable = fusable  # may a backend have one kernel for all of it?
        self.doc = inspect.getdoc(body) or ""
        self.signature = inspect.signature(body)
        self.params = [Param(p) for p in self.signature.parameters.values()]
        self.pullback_function: Callable | None = None
        self.saves_first = True  # does backward need the first argument's values?
        also = spellings([(p.name, p.kind != ATTRIBUTE) for p in self.params])
        rows = [
            (p.name, p.kind, not p.required, p.default, names)
            for p, names in zip(self.params, also, strict=True)
        ]
        takes_out = kind in (PRIMITIVE, COMPOSITE)
        self.op = _core.Op(name, rows, self, differentiable, kind == IN_PLACE, takes_out)
        self.op.__doc__ = f"{name}{self.signature}\n\n{self.doc}"
        self.op.__signature__ = self.signature
        self.op.__module__ = body.__module__
        self.op.pullback = self.pullback
        self.tensor_params = [i for i, p in enumerate(self.params) if p.kind != ATTRIBUTE]
        # How a gradient spreads over them, where every one is a single tensor.

    def pullback(self, function: Callable | None = None, *, saves: str = "*") -> Callable:
        """Declare the gradient: function(ctx, *arguments) -> (g -> gradients).

        It runs at backward time. `saves` names what it needs the values of: parameters, "out" for
        the results (as `ctx.out`), "*" for all tensor parameters, "" for shapes only. It returns
        one gradient per tensor parameter in order (or just one, for the first), None where there
        is none. A gradient may have the broadcast shape or a wider dtype: the engine reduces it.
        """
        if function is None:
            return lambda f: self.pullback(f, saves=saves)
        wanted = saves.replace(",", " ").split()
        known = {p.name for p in self.params} | {"out", "*"}
        if unknown := set(wanted) - known:
            raise TypeError(f"{self.name}: saves= names {unknown}, which it does not have")
        mask = 0
        for i, p in enumerate(self.params):
            if p.kind != ATTRIBUTE and (p.name in wanted or "*" in wanted):
                mask |= 1 << i
        self.pullback_function = function
        self.saves_first = bool(mask & 1)
        self.op.set_gradient(mask, "out" in wanted)
        return self.op

    def __repr__(self) -> str:
        return f"<OpDef {self.name} ({self.kind})>"


def op_named(name: str) -> Any:
    """The callable of a registered op."""
    return REGISTRY[name].op


def op(
    name: str,
    kind: str = COMPOSITE,
    *,
    differentiable: bool = True,
    fusable: bool = True,
    results: type[tuple] | None = None,
) -> Callable[[Callable], Any]:
    """Register the decorated body as op `name` and return its callable.

    Every op can be given its tensors and dims by other usual names (`spelling`), and out=, but for
    views and what writes in place. results: the named tuple that several results come in.
    """

    def register(body: Callable) -> Any:
        if name in REGISTRY:
            raise ValueError(f"op {name!r} is defined twice")
        REGISTRY[name] = OpDef(name, kind, body, differentiable, fusable)
        if results is not None:
            REGISTRY[name].op.set_results(results)
        return REGISTRY[name].op

    return register
