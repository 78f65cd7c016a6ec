"""Recurrent layers: RNN, LSTM, GRU, over padded or packed sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .. import functional as F
from ..functions.construct import empty
from ..ops import recurrent as _step
from ..ops.layout import cat
from ..ops.linalg import linear
from ..ops.parts import split, stack, unbind_copy
from ..ops.recurrent_steps import gru_steps, lstm_steps, rnn_steps
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence


class _Recurrent(Module):
    """What the three layers share: their parameters and how they go over a sequence.

    input: [T, N, C], with batch_first [N, T, C], [T, C] without a batch, or a PackedSequence of
    sequences of several lengths, whose output is packed alike. Gives (output, state):
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
        """A step: (output, state)."""
        raise NotImplementedError

    def _steps(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        """All steps: (outputs, state)."""
        raise NotImplementedError

    # ---- forward ----

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        name = type(self).__name__
        alone = input.ndim == 2
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: takes [T, N, {self.input_size}] or [T, {self.input_size}], got "
                f"{tuple(input.shape)}"
            )
        x = input.unsqueeze(1) if alone else input.transpose(0, 1) if self.batch_first else input
        x, states = self._layers(x, self._given(hx, x, x.shape[1], alone), self._over)
        if alone:
            x, states = x.squeeze(1), tuple(s.squeeze(1) for s in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, states if len(states) > 1 else states[0]

    def _packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """forward over steps of falling batch sizes; states are in the sequences' own order."""
        sizes: list[int] = packed.batch_sizes.tolist()
        if packed.data.ndim != 2 or packed.data.shape[1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: takes packed data [..., {self.input_size}], got "
                f"{tuple(packed.data.shape)}"
            )
        given = self._given(hx, packed.data, sizes[0], False)
        if hx is not None and packed.sorted_indices is not None:
            given = tuple(s.index_select(1, packed.sorted_indices) for s in given)

        def over(x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
            return self._over_packed(x, state, suffix, backwards, sizes)

        data, states = self._layers(packed.data, given, over)
        if packed.unsorted_indices is not None:
            states = tuple(s.index_select(1, packed.unsorted_indices) for s in states)
        return packed._replace(data=data), states if len(states) > 1 else states[0]

    def _layers(
        self, x: Tensor, given: tuple[Tensor, ...], over: Callable[..., tuple[Tensor, Any]]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers; `over` takes one of them over the sequence in one direction."""
        ways, last = len(self._ways()), []
        for layer in range(self.num_layers):
            found = []
            for d, way in enumerate(self._ways()):
                state = tuple(s[layer * ways + d] for s in given)
                out, state = over(x, state, f"_l{layer}{way}", backwards=d == 1)
                found.append(out)
                last.append(state)
            x = found[0] if ways == 1 else cat(found, -1)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, tuple(stack(list(parts)) for parts in zip(*last, strict=True))

    def _given(self, hx: Any, x: Tensor, batch: int, alone: bool) -> tuple[Tensor, ...]:
        """The states to begin with, [L D, N, H] each."""
        sizes = self._state_sizes()
        rows = self.num_layers * len(self._ways())
        if hx is None:
            return tuple(x.new_zeros(rows, batch, size) for size in sizes)
        states = tuple(hx) if len(sizes) > 1 else (hx,)
        states = tuple(s.unsqueeze(1) if alone else s for s in states)
        for s, size in zip(states, sizes, strict=True):
            if s.shape != (rows, batch, size):
                raise ValueError(
                    f"{type(self).__name__}: the state must be {(rows, batch, size)}, got "
                    f"{tuple(s.shape)}"
                )
        return states

    def _over(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        """One layer in one direction: the inputs of all steps times their weight at once."""
        if not x.shape[0]:
            return x.new_zeros(0, x.shape[1], state[0].shape[-1]), state
        if not self.proj_size:
            return self._steps(x, state, suffix, backwards)
        parts = unbind_copy(self._parts(x, suffix, both=False))
        outs = []
        for part in reversed(parts) if backwards else parts:
            out, state = self._after(part, state, suffix)
            outs.append(out)
        return stack(outs[::-1] if backwards else outs), state

    def _parts(self, x: Tensor, suffix: str, both: bool = True) -> Tensor:
        """What the gates get from the input; with both biases, or its own."""
        bias = self._bias("ih", suffix)
        if bias is not None and both:
            bias = bias + getattr(self, f"bias_hh{suffix}")
        weight = getattr(self, f"weight_ih{suffix}")
        parts = linear(x, weight, bias)
        return parts if parts.dtype == weight.dtype else parts.to(weight.dtype)  # of autocast

    def _over_packed(
        self, x: Tensor, state: Any, suffix: str, backwards: bool, sizes: list[int]
    ) -> tuple[Tensor, Any]:
        """_over for packed steps: forwards sequences end one by one, backwards they begin so."""
        parts = split(
            linear(x, getattr(self, f"weight_ih{suffix}"), self._bias("ih", suffix)), sizes
        )
        first, ended, outs = state, [], []
        state = tuple(s[: sizes[-1]] for s in first) if backwards else first
        for t in range(len(sizes))[:: -1 if backwards else 1]:
            n, now = sizes[t], state[0].shape[0]
            if n > now:
                state = tuple(cat([s, f[now:n]], 0) for s, f in zip(state, first, strict=True))
            elif n < now:
                ended.append(tuple(s[n:] for s in state))
                state = tuple(s[:n] for s in state)
            out, state = self._after(parts[t], state, suffix)
            outs.append(out)
        if ended:
            state = tuple(cat(list(rows), 0) for rows in zip(state, *reversed(ended), strict=True))
        return cat(outs[::-1] if backwards else outs, 0), state

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

    def _steps(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        weight, parts = getattr(self, f"weight_hh{suffix}"), self._parts(x, suffix)
        outs = rnn_steps(parts, state[0], weight, self.nonlinearity, backwards)
        return outs, (outs[0 if backwards else -1],)


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

    def _steps(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        weight, parts = getattr(self, f"weight_hh{suffix}"), self._parts(x, suffix)
        outs, cells, _ = lstm_steps(parts, state[0], state[1], weight, backwards)
        last = 0 if backwards else -1
        return outs, (outs[last], cells[last])


class GRU(_Recurrent):
    """Gated recurrent units.  (Cho et al., 2014)"""

    gates = 3

    def _after(self, parts: Tensor, state: Any, suffix: str) -> tuple[Tensor, Any]:
        weight, bias = getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix)
        h = _step.gru_step(parts, state[0], weight, bias)
        return h, (h,)

    def _steps(self, x: Tensor, state: Any, suffix: str, backwards: bool) -> tuple[Tensor, Any]:
        weight, bias = getattr(self, f"weight_hh{suffix}"), self._bias("hh", suffix)
        outs, _ = gru_steps(self._parts(x, suffix, both=False), state[0], weight, bias, backwards)
        return outs, (outs[0 if backwards else -1],)
