"""vidya.autograd.functional: derivatives of functions of tensors, as PyTorch's.

Each takes func and its inputs, a tensor or a tuple of them, and gives results nested as func's
results and inputs are: a tensor for one, a tuple for a tuple. With create_graph the derivatives
can be differentiated again. strict refuses an output that does not depend on an input, else its
derivative is zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from ..engine.autograd import grad
from ..engine.grad_modes import enable_grad
from ..errors import AutogradError
from ..ops.parts import stack

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func's results, v times its Jacobian): v has the results' shapes; a number needs none."""
    one, xs = _watched("vjp", inputs, create_graph)
    single, ys = _results("vjp", func, xs)
    found = _pulled("vjp", ys, xs, _cotangents("vjp", v, ys), create_graph, strict)
    return _nest(single, ys, create_graph), _nest(one, found, create_graph)


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func's results, its Jacobian times v): v has the inputs' shapes; one number needs none.

    The Jacobian's product with any u is linear in u, and its derivative by u is what is wanted.
    """
    _, xs = _watched("jvp", inputs, create_graph)
    along = _cotangents("jvp", v, xs)
    single, ys = _results("jvp", func, xs)
    with enable_grad():
        us = tuple(y.detach().new_zeros(y.shape).requires_grad_() for y in ys)
        pulled = _pulled("jvp", ys, xs, us, True, strict)
        found = _pulled("jvp", pulled, us, along, create_graph, False)
    return _nest(single, ys, create_graph), _nest(single, found, create_graph)


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """d func / d inputs: of a result [*Y] and an input [*X] it is [*Y, *X].

    vectorize and strategy are PyTorch's: both ways give the same, one backward per number.
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(
            f'jacobian: strategy is "reverse-mode" or "forward-mode", not {strategy!r}'
        )
    one, xs = _watched("jacobian", inputs, create_graph)
    single, ys = _results("jacobian", func, xs)
    rows = tuple(_nest(one, _rows("jacobian", y, xs, create_graph, strict), True) for y in ys)
    return rows[0] if single else rows


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a func that gives one number: [*X, *Z] for inputs [*X] and [*Z]."""
    one = isinstance(inputs, _core.TensorBase)

    def first(*xs: Any) -> Any:
        y = _number("hessian", func(*xs))
        return _nest(one, _pulled("hessian", (y,), xs, (None,), True, strict), True)

    return jacobian(first, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func's number, v times its Hessian): v has the inputs' shapes."""
    one, xs = _watched("vhp", inputs, create_graph)
    along = _cotangents("vhp", v, xs)
    with enable_grad():
        y = _number("vhp", func(*xs))
        first = _pulled("vhp", (y,), xs, (None,), True, strict)
        found = _pulled("vhp", first, xs, along, create_graph, strict)
    return _nest(True, (y,), create_graph), _nest(one, found, create_graph)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func's number, its Hessian times v), which is vhp: Hessians are symmetric."""
    return vhp(func, inputs, v, create_graph, strict)


def _watched(name: str, inputs: Any, create_graph: bool) -> tuple[bool, tuple]:
    """Is it one tensor, and the inputs as tensors whose gradients are of this call alone."""
    one = isinstance(inputs, _core.TensorBase)
    given = (inputs,) if one else tuple(inputs) if isinstance(inputs, (tuple, list)) else ()
    if not given or not all(isinstance(x, _core.TensorBase) for x in given):
        raise TypeError(f"{name}: inputs must be a tensor or a tuple of tensors")
    with enable_grad():
        if create_graph:  # their own history goes on
            own = [x if x.requires_grad else x.detach().requires_grad_() for x in given]
            return one, tuple(x * 1 for x in own)
        return one, tuple(x.detach().requires_grad_() for x in given)


def _results(name: str, func: Callable, xs: tuple) -> tuple[bool, tuple]:
    with enable_grad():
        out = func(*xs)
    single = isinstance(out, _core.TensorBase)
    ys = (out,) if single else tuple(out) if isinstance(out, (tuple, list)) else ()
    if not ys or not all(isinstance(y, _core.TensorBase) for y in ys):
        raise TypeError(f"{name}: func must give a tensor or a tuple of tensors")
    return single, ys


def _number(name: str, y: Any) -> Any:
    if not isinstance(y, _core.TensorBase) or y.numel() != 1:
        shape = getattr(y, "shape", type(y).__name__)
        raise ValueError(f"{name}: func must give one number, not {shape}")
    return y.reshape(())


def _cotangents(name: str, v: Any, like: Sequence) -> tuple:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ValueError(f"{name}: v may be left out for one number only")
        return (like[0].detach().new_full(like[0].shape, 1),)
    given = (v,) if isinstance(v, _core.TensorBase) else tuple(v)
    if [x.shape for x in given] != [x.shape for x in like]:
        raise ValueError(
            f"{name}: v {[tuple(x.shape) for x in given]} must have the shapes "
            f"{[tuple(x.shape) for x in like]}"
        )
    return given


def _pulled(name: str, ys: Any, xs: Any, vs: Any, create_graph: bool, strict: bool) -> tuple:
    """The gradients of sum(ys * vs) for xs; zeros where there is none, unless strict."""
    kept = [(y, v) for y, v in zip(ys, vs, strict=True) if y.requires_grad]
    if strict and len(kept) < len(ys):
        raise AutogradError(f"{name}: strict, and a result does not depend on the inputs")
    found: tuple = (None,) * len(xs)
    if kept:
        tops, weights = zip(*kept, strict=True)
        found = grad(
            tops, xs, weights, retain_graph=True, create_graph=create_graph, allow_unused=True
        )
    if strict and any(g is None for g in found):
        raise AutogradError(f"{name}: strict, and the results do not depend on every input")
    return tuple(
        x.detach().new_zeros(x.shape) if g is None else g for x, g in zip(xs, found, strict=True)
    )


def _rows(name: str, y: Any, xs: tuple, create_graph: bool, strict: bool) -> tuple:
    """The Jacobian of one result for each of xs."""
    with enable_grad():
        numbers = y.reshape(-1).unbind()
    lines = [_pulled(name, (n,), xs, (None,), create_graph, strict) for n in numbers]
    return tuple(
        stack([line[k] for line in lines]).reshape(*y.shape, *x.shape)
        if lines
        else x.detach().new_zeros(*y.shape, *x.shape)
        for k, x in enumerate(xs)
    )


def _nest(single: bool, tensors: tuple, create_graph: bool) -> Any:
    if not create_graph:
        tensors = tuple(t.detach() for t in tensors)
    return tensors[0] if single else tuple(tensors)
