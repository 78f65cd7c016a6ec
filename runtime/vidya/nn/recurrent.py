"""Recurrent layers: RNN, LSTM, GRU, and one step of each."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import functional as F
from ..construct import empty
from ..ops import recurrent as _step
from ..ops.linalg import linear
from ..ops.parts import stack, unbind
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter


class _Recurrent(Module):
    """What the three layers share: their parameters and how they go over a sequence.

    input: [T, N, C], with batch_first [N, T, C], or [T, C] without a batch. Gives (output, state):
    output [T, N, D H] the last layer's states, D = 2 if bidirectional, else 1; state [L D, N, H]
    the last state of every layer and direction. Parameters of layer k are weight_ih_lk [G H, C],
    weight_hh_lk [G H, H], bias_ih_lk and bias_hh_lk [G H], "_reverse" added for the way back,
    uniform in +-1/sqrt(H). dropout: on the output of every layer but the last.
    """

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if hidden_size < 1 or num_layers < 1 or input_size < 0:
            raise ValueError(f"{name}: hidden_size and num_layers must be positive")
        if proj_size and (name != "LSTM" or not 0 < proj_size < hidden_size):
            raise ValueError(f"{name}: proj_size is for an LSTM, and less than hidden_size")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        place = {"device": device, "dtype": dtype}
        rows, state = self.gates * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            width = state * len(self._ways()) if layer else input_size
            for way in self._ways():
                sizes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, width),
                    "weight_hh": (rows, state),
                }
                if bias:
                    sizes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    sizes["weight_hr"] = (proj_size, hidden_size)
                for part, size in sizes.items():
                    value = Parameter(empty(*size, **place))
                    self.register_parameter(f"{part}_l{layer}{way}", value)
        self.reset_parameters()

    def _ways(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self) -> None:
        bound = self.hidden_size**-0.5
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """PyTorch's, for its GPU; nothing needs to be done here."""

    # ---- what each kind does in its own way ----

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.hidden_size,)

    def _after(self, parts: Tensor, state: Any, suffix: str) -> tuple[Tensor, Any]:
        raise NotImplementedError

    # ---- forward ----

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        name = type(self).__name__
        alone = input.ndim == 2
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: takes [T, N, {self.input_size}] or [T, {self.input_size}], got "
                f"{tuple(input.shape)}"
            )
        x = input.unsqueeze(1) if alone else input.transpose(0, 1) if self.batch_first else input
        ways = len(self._ways())
        given = self._given(hx, x, alone)
        last = []
        for layer in range(self.num_layers):
            found = []
            for d, way in enumerate(self._ways()):
                suffix = f"_l{layer}{way}"
                state = tuple(s[layer * ways + d] for s in given)
                out, state = self._over(x, state, suffix, backwards=d == 1)
                found.append(out)
                last.append(state)
            x = found[0] if ways == 1 else _joined(found)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        states = tuple(stack(list(parts)) for parts in zip(*last, strict=True))
        if alone:
            x, states = x.squeeze(1), tuple(s.squeeze(1) for s in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, states if len(states) > 1 else states[0]

    def _given(self, hx: Any, x: Tensor, alone: bool) -> tuple[Tensor, ...]:
        """The states to begin with, [L D, N, H] each."""
        sizes = self._state_sizes()
        rows = self.num_layers * len(self._ways())
        if hx is None:
            return tuple(x.new_zeros(rows, x.shape[1], size) for size in sizes)
        states = tuple(hx) if len(sizes) > 1 else (hx,)
        states = tuple(s.unsqueeze(1) if alone else s for s in states)
        for s, size in zip(states, sizes, strict=True):
            if s.shape != (rows, x.shape[1], size):
                raise ValueError(
                    f"{type(self).__name__}: the state must be {(rows, x.shape[1], size)}, got "
                    f"{tuple(s.shape)}"
                )
        return states

    def _over(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        """One layer in one direction: the inputs of all steps times their weight at once."""
        parts = unbind(linear(x, getattr(self, f"weight_ih{suffix}"), self._bias("ih", suffix)))
        outs = []
        for part in reversed(parts) if backwards else parts:
            out, state = self._after(part, state, suffix)
            outs.append(out)
        if not outs:
            return x.new_zeros(0, x.shape[1], state[0].shape[-1]), state
        return stack(outs[::-1] if backwards else outs), state

    def _bias(self, which: str, suffix: str) -> Tensor | None:
        return getattr(self, f"bias_{which}{suffix}") if self.bias else None

    def extra_repr(self) -> str:
        shown = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False, "proj_size": 0, "nonlinearity": "tanh",
        }  # fmt: skip
        for name, default in defaults.items():
            value = getattr(self, name, default)
            shown += f", {name}={value}" if value != default else ""
        return shown


def _joined(parts: list[Tensor]) -> Tensor:
    from ..ops.layout import cat

    return cat(parts, -1)


class RNN(_Recurrent):
    """h' = tanh (or relu: nonlinearity) of w_ih x + b_ih + w_hh h + b_hh.  (Elman, 1990)"""

    gates = 1

    def __init__(self, *args: Any, nonlinearity: str = "tanh", **kwargs: Any) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'RNN: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
        super().__init__(*args, **kwargs)
        self.nonlinearity = nonlinearity

    def _after(self, parts: Tensor, state: Any, suffix: str) -> tuple[Tensor, Any]:
        weight, bias = getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix)
        h = parts + linear(state[0], weight, bias)
        h = h.tanh() if self.nonlinearity == "tanh" else h.relu()
        return h, (h,)


class LSTM(_Recurrent):
    """Long short-term memory; the state is a pair (h, c).  (Hochreiter and Schmidhuber, 1997)

    proj_size: h is that long, weight_hr times what it was (Sak, Senior and Beaufays, 2014).
    """

    gates = 4

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.proj_size or self.hidden_size, self.hidden_size)

    def _after(self, parts: Tensor, state: Any, suffix: str) -> tuple[Tensor, Any]:
        weight, bias = getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix)
        h, c = _step.lstm_step(parts, state[0], state[1], weight, bias)
        if self.proj_size:
            h = linear(h, getattr(self, f"weight_hr{suffix}"))
        return h, (h, c)


class GRU(_Recurrent):
    """Gated recurrent units.  (Cho et al., 2014)"""

    gates = 3

    def _after(self, parts: Tensor, state: Any, suffix: str) -> tuple[Tensor, Any]:
        weight, bias = getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix)
        h = _step.gru_step(parts, state[0], weight, bias)
        return h, (h,)


class _Cell(Module):
    """One step. input: [N, C] or [C]; the state before, zeros if not given: [N, H] or [H]."""

    gates: ClassVar[int]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        place, rows = {"device": device, "dtype": dtype}, self.gates * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, **place))
        self.weight_hh = Parameter(empty(rows, hidden_size, **place))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, **place)) if bias else None)
        bound = hidden_size**-0.5 if hidden_size else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _zeros(self, input: Tensor) -> Tensor:
        return input.new_zeros(*input.shape[:-1], self.hidden_size)

    def _weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of RNN: gives the new state."""

    gates = 1

    def __init__(self, *args: Any, nonlinearity: str = "tanh", **kwargs: Any) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'RNNCell: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
        super().__init__(*args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        step = _step.rnn_tanh_cell if self.nonlinearity == "tanh" else _step.rnn_relu_cell
        return step(input, self._zeros(input) if hx is None else hx, *self._weights())


class LSTMCell(_Cell):
    """One step of LSTM: gives (h, c), from hx = (h, c)."""

    gates = 4

    def forward(self, input: Tensor, hx: Any = None) -> tuple[Tensor, Tensor]:
        hx = (self._zeros(input),) * 2 if hx is None else hx
        return _step.lstm_cell(input, hx, *self._weights())


class GRUCell(_Cell):
    """One step of GRU: gives the new state."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return _step.gru_cell(input, self._zeros(input) if hx is None else hx, *self._weights())
