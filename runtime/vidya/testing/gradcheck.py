"""Gradients against finite differences, for users' functions as for ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .compare import to_numpy


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
    those with `requires_grad` are checked and must be float64, for differences of smaller floats
    say nothing.  Every entry of the Jacobian must agree: |a - n| <= atol + rtol |n|.  Returns True;
    if they differ, raises AssertionError saying where, or returns False without `raise_exception`.
    """
    inputs = (inputs,) if hasattr(inputs, "requires_grad") else tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if getattr(x, "requires_grad", False)]
    if not checked:
        raise ValueError("gradcheck: no input requires grad; call x.requires_grad_() on one")
    for i in checked:
        name = to_numpy(inputs[i]).dtype.name
        if name != "float64":
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
            vidya.tensor(rng.uniform(0.5, 1.5, tuple(r.shape)), device=r.device).requires_grad_()
            for r in results
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
    return [r for r in listed if to_numpy(r).dtype.name == "float64"]


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

    size, shape = int(np.prod(output.shape, dtype=int)), tuple(output.shape)
    jacobian = np.zeros((size, int(np.prod(leaf.shape, dtype=int))))
    if not output.requires_grad:
        return jacobian
    for row in range(size):
        one = np.zeros(size)
        one[row] = 1.0
        weight = vidya.tensor(one.reshape(shape), device=output.device)
        (gradient,) = vidya.autograd.grad(
            [output], [leaf], [weight], retain_graph=True, allow_unused=True
        )
        if gradient is not None:
            jacobian[row] = to_numpy(gradient).ravel()
    return jacobian


def _numeric(
    func: Callable[..., Any], inputs: Sequence[Any], i: int, eps: float
) -> list[np.ndarray]:
    """Jacobians of all outputs for input i, by central differences."""
    import vidya

    start = to_numpy(inputs[i]).astype(np.float64)

    def moved(place: tuple, by: float) -> list[np.ndarray]:
        value = start.copy()
        value[place] += by
        x = vidya.tensor(value, device=inputs[i].device).requires_grad_()
        outputs = _floats(func(*inputs[:i], x, *inputs[i + 1 :]))
        return [to_numpy(r).ravel() for r in outputs]

    columns = [
        [(a - b) / (2 * eps) for a, b in zip(moved(p, eps), moved(p, -eps), strict=True)]
        for p in np.ndindex(start.shape)
    ]
    if not columns:
        return [np.zeros((r.size, 0)) for r in map(to_numpy, _floats(func(*inputs)))]
    return [np.stack(of_one, axis=1) for of_one in zip(*columns, strict=True)]
