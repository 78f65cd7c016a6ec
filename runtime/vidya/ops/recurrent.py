"""One step of a recurrent network: from the input and the state before to the state after.

input [N, C] (or [C]), states [N, H] (or [H]); w_ih [G H, C], w_hh [G H, H], biases [G H] with as
many parts G as the network has gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..schema import op
from .activation import relu, sigmoid
from .layout import cat
from .linalg import linear
from .parts import chunk
from .unary import tanh

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gru_cell", "lstm_cell", "rnn_relu_cell", "rnn_tanh_cell"]


def _fits(name: str, x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, gates: int) -> None:
    size = w_hh.shape[1] if w_hh.ndim == 2 else -1
    if w_ih.ndim != 2 or w_hh.ndim != 2 or w_ih.shape[0] != w_hh.shape[0]:
        raise ValueError(
            f"{name}: weights {tuple(w_ih.shape)} and {tuple(w_hh.shape)} must be [{gates} H, C] "
            f"and [{gates} H, H]"
        )
    if x.shape[-1:] != w_ih.shape[1:] or h.shape[-1:] != (size,) or x.shape[:-1] != h.shape[:-1]:
        raise ValueError(
            f"{name}: input {tuple(x.shape)} and state {tuple(h.shape)} do not fit weights "
            f"{tuple(w_ih.shape)} and {tuple(w_hh.shape)}"
        )


@op("lstm_gates", fusable=False)
def lstm_gates(parts: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """(h, c) after a step; parts [..., 4 H]: the gates input, forget, cell, output; c [..., H]."""
    i, f, g, o = chunk(parts, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


@lstm_gates.pullback(saves="parts c out")
def _(ctx, parts, c):
    def back(gh, gc):
        gh = gc * 0 if gh is None else gh
        return lstm_gates_backward(gh, parts, c, ctx.out[1], gc)

    return back


@op("lstm_gates_backward", fusable=False)
def lstm_gates_backward(
    gh: Tensor, parts: Tensor, c: Tensor, after: Tensor, gc: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The gradients of parts and c from those of h and of the cells after the step."""
    i, f, g, o = chunk(parts, 4, -1)
    i, f, g, o, t = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o), tanh(after)
    d = gh * o * (1 - t * t)
    d = d if gc is None else d + gc
    slopes = [d * g * i * (1 - i), d * c * f * (1 - f), d * i * (1 - g * g), gh * t * o * (1 - o)]
    return cat(slopes, -1), d * f


@op("gru_gates", fusable=False)
def gru_gates(x: Tensor, s: Tensor, h: Tensor) -> Tensor:
    """h after a step. x, s [..., 3 H]: what the gates reset, update, new get from the input and
    from the state; h [..., H].
    """
    (xr, xz, xn), (sr, sz, sn) = chunk(x, 3, -1), chunk(s, 3, -1)
    z = sigmoid(xz + sz)
    n = tanh(xn + sigmoid(xr + sr) * sn)
    return n + z * (h - n)


@gru_gates.pullback
def _(ctx, x, s, h):
    return lambda g: gru_gates_backward(g, x, s, h)


@op("gru_gates_backward", fusable=False)
def gru_gates_backward(g: Tensor, x: Tensor, s: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x, s and h."""
    (xr, xz, xn), (sr, sz, sn) = chunk(x, 3, -1), chunk(s, 3, -1)
    r, z = sigmoid(xr + sr), sigmoid(xz + sz)
    n = tanh(xn + r * sn)
    dn = g * (1 - z) * (1 - n * n)
    dr, dz = dn * sn * r * (1 - r), g * (h - n) * z * (1 - z)
    return cat([dr, dz, dn], -1), cat([dr, dz, dn * r], -1), g * z


def lstm_step(
    parts: Tensor, h: Tensor, c: Tensor, w_hh: Tensor, b_hh: Tensor | None
) -> tuple[Tensor, Tensor]:
    """(h, c) after a step; parts [N, 4 H] is the input times its weight, with its bias."""
    return lstm_gates(parts + linear(h, w_hh, b_hh), c)


def gru_step(parts: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor | None) -> Tensor:
    """h after a step; parts [N, 3 H] is the input times its weight, with its bias."""
    return gru_gates(parts, linear(h, w_hh, b_hh), h)


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(h', c') from hx = (h, c). Gates in the order input, forget, cell, output.

    c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c'). (Hochreiter and Schmidhuber, 1997)
    """
    h, c = hx
    _fits("lstm_cell", input, h, w_ih, w_hh, 4)
    return lstm_step(linear(input, w_ih, b_ih), h, c, w_hh, b_hh)


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h' = (1 - z) n + z h, n = tanh(x_n + r h_n). Gates in the order reset, update, new.

    (Cho et al., 2014)
    """
    _fits("gru_cell", input, hx, w_ih, w_hh, 3)
    return gru_step(linear(input, w_ih, b_ih), hx, w_hh, b_hh)


def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h' = tanh(w_ih x + b_ih + w_hh h + b_hh). (Elman, 1990)"""
    _fits("rnn_tanh_cell", input, hx, w_ih, w_hh, 1)
    return tanh(linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh))


def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h' = relu(w_ih x + b_ih + w_hh h + b_hh)."""
    _fits("rnn_relu_cell", input, hx, w_ih, w_hh, 1)
    return relu(linear(input, w_ih, b_ih) + linear(hx, w_hh, b_hh))
