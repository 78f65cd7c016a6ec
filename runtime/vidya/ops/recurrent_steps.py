"""All steps of a layer of a recurrent network.

parts [T, N, G H]: what the gates get from the input at every step, biases included; the state
before the first step [N, H]; weight [G H, H] of the state. reverse: from the last step to the
first. `sums` are what the gates got, which the gradient needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..schema import op
from .activation import relu, relu_backward, tanh_backward
from .layout import cat
from .linalg import linear, matmul
from .parts import select, stack
from .recurrent import gru_gates, gru_gates_backward, lstm_gates, lstm_gates_backward
from .unary import tanh

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gru_steps", "lstm_steps", "rnn_steps"]


def _fits(name: str, parts: Tensor, weight: Tensor, gates: int, *states: Tensor) -> None:
    rows, size = weight.shape if weight.ndim == 2 else (-1, -1)
    if rows != gates * size or parts.ndim != 3 or parts.shape[2] != rows or not parts.shape[0]:
        raise ValueError(
            f"{name}: parts {tuple(parts.shape)} and weight {tuple(weight.shape)} must be "
            f"[T, N, {gates} H] of at least one step and [{gates} H, H]"
        )
    for state in states:
        if tuple(state.shape) != (parts.shape[1], size):
            raise ValueError(
                f"{name}: a state {tuple(state.shape)} must be {(parts.shape[1], size)}, as parts "
                f"{tuple(parts.shape)} and weight {tuple(weight.shape)} are"
            )


def _order(steps: int, reverse: bool) -> Sequence[int]:
    return range(steps)[::-1] if reverse else range(steps)


def _stacked(found: dict[int, Tensor]) -> Tensor:
    return stack([found[t] for t in range(len(found))])


def _before(first: Tensor, states: Tensor, reverse: bool) -> Tensor:
    """The states before each step, [T N, H]."""
    both = [states[1:], first[None]] if reverse else [first[None], states[:-1]]
    return cat(both, 0).reshape(-1, first.shape[-1])


def _weight_gradient(d: Tensor, first: Tensor, states: Tensor, reverse: bool) -> Tensor:
    return matmul(d.reshape(-1, d.shape[-1]).mT, _before(first, states, reverse))


@op("lstm_steps")
def lstm_steps(
    parts: Tensor, h: Tensor, c: Tensor, weight: Tensor, reverse=False
) -> tuple[Tensor, Tensor, Tensor]:
    """(states, cells [T, N, H], sums [T, N, 4 H]); gates in the order input, forget, cell, output.

    (Hochreiter and Schmidhuber, 1997)
    """
    _fits("lstm_steps", parts, weight, 4, h, c)
    states, cells, sums = {}, {}, {}
    for t in _order(parts.shape[0], reverse):
        sums[t] = select(parts, 0, t) + linear(h, weight)
        states[t], cells[t] = h, c = lstm_gates(sums[t], c)
    return _stacked(states), _stacked(cells), _stacked(sums)


@lstm_steps.pullback(saves="h c weight out")
def _(ctx, parts, h, c, weight, reverse):
    states, cells, sums = ctx.out

    def back(g, gcells, gsums):
        g = states * 0 if g is None else g
        d, dh, dc = lstm_steps_backward(g, sums, c, cells, weight, gcells, gsums, reverse)
        return d, dh, dc, _weight_gradient(d, h, states, reverse)

    return back


@op("lstm_steps_backward")
def lstm_steps_backward(
    g: Tensor,
    sums: Tensor,
    c: Tensor,
    cells: Tensor,
    weight: Tensor,
    gcells: Tensor | None = None,
    gsums: Tensor | None = None,
    reverse=False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of parts and of the first state and cells from those of all results."""
    order = _order(g.shape[0], reverse)
    d: dict[int, Tensor] = {}
    dh: Any = None
    dc: Any = None
    for at in range(len(order))[::-1]:
        t = order[at]
        gh = select(g, 0, t) if dh is None else select(g, 0, t) + dh
        if gcells is not None:
            dc = select(gcells, 0, t) if dc is None else select(gcells, 0, t) + dc
        before = select(cells, 0, order[at - 1]) if at else c
        d[t], dc = lstm_gates_backward(gh, select(sums, 0, t), before, select(cells, 0, t), dc)
        d[t] = d[t] if gsums is None else d[t] + select(gsums, 0, t)
        dh = matmul(d[t], weight)
    return _stacked(d), dh, dc


@op("gru_steps")
def gru_steps(
    parts: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None = None, reverse=False
) -> tuple[Tensor, Tensor]:
    """(states [T, N, H], sums [T, N, 3 H]), sums being what the gates reset, update, new got from
    the state, with the state's bias [3 H]. (Cho et al., 2014)
    """
    _fits("gru_steps", parts, weight, 3, h)
    states, sums = {}, {}
    for t in _order(parts.shape[0], reverse):
        sums[t] = linear(h, weight, bias)
        states[t] = h = gru_gates(select(parts, 0, t), sums[t], h)
    return _stacked(states), _stacked(sums)


@gru_steps.pullback(saves="parts h weight out")
def _(ctx, parts, h, weight, bias, reverse):
    states, sums = ctx.out

    def back(g, gsums):
        g = states * 0 if g is None else g
        d, ds, dh = gru_steps_backward(g, parts, sums, h, states, weight, gsums, reverse)
        db = None if bias is None else ds.sum((0, 1))
        return d, dh, _weight_gradient(ds, h, states, reverse), db

    return back


@op("gru_steps_backward")
def gru_steps_backward(
    g: Tensor,
    parts: Tensor,
    sums: Tensor,
    h: Tensor,
    states: Tensor,
    weight: Tensor,
    gsums: Tensor | None = None,
    reverse=False,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of parts, of sums and of the first state."""
    order = _order(g.shape[0], reverse)
    d: dict[int, Tensor] = {}
    ds: dict[int, Tensor] = {}
    dh: Any = None
    for at in range(len(order))[::-1]:
        t = order[at]
        gh = select(g, 0, t) if dh is None else select(g, 0, t) + dh
        before = select(states, 0, order[at - 1]) if at else h
        d[t], ds[t], kept = gru_gates_backward(gh, select(parts, 0, t), select(sums, 0, t), before)
        ds[t] = ds[t] if gsums is None else ds[t] + select(gsums, 0, t)
        dh = kept + matmul(ds[t], weight)
    return _stacked(d), _stacked(ds), dh


@op("rnn_steps")
def rnn_steps(
    parts: Tensor, h: Tensor, weight: Tensor, nonlinearity="tanh", reverse=False
) -> Tensor:
    """The states [T, N, H]: tanh (or "relu") of parts + weight h. (Elman, 1990)"""
    _fits("rnn_steps", parts, weight, 1, h)
    function = relu if nonlinearity == "relu" else tanh
    states = {}
    for t in _order(parts.shape[0], reverse):
        states[t] = h = function(select(parts, 0, t) + linear(h, weight))
    return _stacked(states)


@rnn_steps.pullback(saves="h weight out")
def _(ctx, parts, h, weight, nonlinearity, reverse):
    def back(g):
        d, dh = rnn_steps_backward(g, ctx.out, weight, nonlinearity, reverse)
        return d, dh, _weight_gradient(d, h, ctx.out, reverse)

    return back


@op("rnn_steps_backward")
def rnn_steps_backward(
    g: Tensor, states: Tensor, weight: Tensor, nonlinearity="tanh", reverse=False
) -> tuple[Tensor, Tensor]:
    """The gradients of parts and of the first state."""
    slope = relu_backward if nonlinearity == "relu" else tanh_backward
    d: dict[int, Tensor] = {}
    dh: Any = None
    for t in _order(g.shape[0], not reverse):
        gh = select(g, 0, t) if dh is None else select(g, 0, t) + dh
        d[t] = slope(gh, select(states, 0, t))
        dh = matmul(d[t], weight)
    return _stacked(d), dh
