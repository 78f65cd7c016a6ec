"""Gradients against finite differences, for users' functions as for ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .compare import to_numpy

_WIDE = ("float64", "complex128")


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of `func` at `inputs` against central differences.

    func: takes the inputs, returns a tensor or a tuple of them.  inputs: a tensor or a sequence;
    those with `requires_grad` are checked and must be float64 or complex128, for differences of
    smaller floats say nothing.  A complex number counts as two, its real and its imaginary part.
    Every entry of the Jacobian must agree: |a - n| <= atol + rtol |n|.  Returns True; if they
    differ, raises AssertionError saying where, or returns False without `raise_exception`.
    """
    inputs = (inputs,) if hasattr(inputs, "requires_grad") else tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if getattr(x, "requires_grad", False)]
    if not checked:
        raise ValueError("gradcheck: no input requires grad; call x.requires_grad_() on one")
    for i in checked:
        name = to_numpy(inputs[i]).dtype.name
        if name not in _WIDE:
            raise ValueError(f"gradcheck: input {i} is {name}; convert it to float64")
    try:
        _compare(func, inputs, checked, eps, atol, rtol)
    except AssertionError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of the gradients of `func`, with respect to inputs and grad_outputs.

    As `gradcheck`; grad_outputs: one tensor per result, random where not given.
    """
    import vidya

    inputs = (inputs,) if hasattr(inputs, "requires_grad") else tuple(inputs)
    results = _floats(func(*inputs))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        grad_outputs = [
            vidya.tensor(_random(rng, r), device=r.device).requires_grad_() for r in results
        ]
    grad_outputs = [grad_outputs] if hasattr(grad_outputs, "requires_grad") else list(grad_outputs)
    n = len(inputs)

    def first_gradients(*values: Any) -> tuple:
        given, weights = values[:n], values[n:]
        wanted = [x for x in given if getattr(x, "requires_grad", False)]
        grads = vidya.autograd.grad(
            _floats(func(*given)), wanted, list(weights), create_graph=True, allow_unused=True
        )
        return tuple(g for g in grads if g is not None and g.requires_grad)

    return gradcheck(
        first_gradients,
        (*inputs, *grad_outputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def _floats(results: Any) -> list:
    """The results that can have a gradient."""
    listed = list(results) if isinstance(results, (tuple, list)) else [results]
    return [r for r in listed if to_numpy(r).dtype.name in _WIDE]


def _random(rng: np.random.Generator, like: Any) -> np.ndarray:
    shape = tuple(like.shape)
    real = rng.uniform(0.5, 1.5, shape)
    return real + 1j * rng.uniform(0.5, 1.5, shape) if like.is_complex() else real


def _pairs(array: np.ndarray) -> np.ndarray:
    """All numbers in a row; a complex one as its real and its imaginary part."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(np.float64) if flat.dtype.kind == "c" else flat


def _compare(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    checked: Sequence[int],
    eps: float,
    atol: float,
    rtol: float,
) -> None:
    """Analytic and numeric Jacobians, one input at a time."""
    leaves = {i: inputs[i].detach().clone().requires_grad_() for i in checked}
    called = [leaves.get(i, x) for i, x in enumerate(inputs)]
    outputs = _floats(func(*called))
    for i in checked:
        numeric = _numeric(func, called, i, eps)
        for o, output in enumerate(outputs):
            analytic = _analytic(output, leaves[i])
            wrong = ~(np.abs(analytic - numeric[o]) <= atol + rtol * np.abs(numeric[o]))
            if wrong.any():
                place = tuple(int(p) for p in np.argwhere(wrong)[0])
                raise AssertionError(
                    f"gradcheck: d output {o}[{place[0]}] / d input {i}[{place[1]}] (flat indices) "
                    f"is {analytic[place]:.9g} by backward, {numeric[o][place]:.9g} by differences"
                )


def _analytic(output: Any, leaf: Any) -> np.ndarray:
    """The Jacobian [elements of output, elements of leaf], a row per backward."""
    import vidya

    one = np.zeros(tuple(output.shape), np.complex128 if output.is_complex() else np.float64)
    parts = _pairs(one)  # the same memory
    jacobian = np.zeros((parts.size, _pairs(to_numpy(leaf)).size))
    if not output.requires_grad:
        return jacobian
    for row in range(parts.size):
        parts[:] = 0.0
        parts[row] = 1.0
        weight = vidya.tensor(one, device=output.device)
        (gradient,) = vidya.autograd.grad(
            [output], [leaf], [weight], retain_graph=True, allow_unused=True
        )
        if gradient is not None:
            jacobian[row] = _pairs(to_numpy(gradient))
    return jacobian


def _numeric(
    func: Callable[..., Any], inputs: Sequence[Any], i: int, eps: float
) -> list[np.ndarray]:
    """Jacobians of all outputs for input i, by central differences."""
    import vidya

    value = to_numpy(inputs[i]).copy()
    parts = _pairs(value.reshape(-1))  # the same memory

    def moved(place: int, by: float) -> list[np.ndarray]:
        was = parts[place]
        parts[place] += by
        x = vidya.tensor(value, device=inputs[i].device).requires_grad_()
        parts[place] = was
        outputs = _floats(func(*inputs[:i], x, *inputs[i + 1 :]))
        return [_pairs(to_numpy(r)) for r in outputs]

    columns = [
        [(a - b) / (2 * eps) for a, b in zip(moved(p, eps), moved(p, -eps), strict=True)]
        for p in range(parts.size)
    ]
    if not columns:
        outputs = _floats(func(*inputs))
        return [np.zeros((_pairs(to_numpy(r)).size, 0)) for r in outputs]
    return [np.stack(of_one, axis=1) for of_one in zip(*columns, strict=True)]
