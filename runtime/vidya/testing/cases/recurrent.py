"""Steps of recurrent networks, one and all of them."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _parts(x, h, w_ih, w_hh, b_ih, b_hh, n):
    left = x @ w_ih.T + (0 if b_ih is None else b_ih)
    right = h @ w_hh.T + (0 if b_hh is None else b_hh)
    return np.split(left, n, -1), np.split(right, n, -1)


def lstm_cell(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    left, right = _parts(x, state[0], w_ih, w_hh, b_ih, b_hh, 4)
    i, f, g, o = (a + b for a, b in zip(left, right, strict=True))
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
    (xr, xz, xn), (hr, hz, hn) = _parts(x, h, w_ih, w_hh, b_ih, b_hh, 3)
    z = sigmoid(xz + hz)
    return (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * h


def rnn_cell(function):
    def cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
        (left,), (right,) = _parts(x, h, w_ih, w_hh, b_ih, b_hh, 1)
        return function(left + right)

    return cell


def _cell(gates, pair=False):
    def samples(t):
        for lead, biased in (((3,), True), ((2,), False), ((1,), True)):
            rows = gates * 2
            h = t(*lead, 2)
            biases = (t(rows), t(rows)) if biased else ()
            state = (h, t(*lead, 2)) if pair else h
            yield S(t(*lead, 3), state, t(rows, 3), t(rows, 2), *biases)

    return samples


def _wrong_cell(gates, name, pair=False):
    def wrong(t):
        h = (t(2, 2), t(2, 2)) if pair else t(2, 2)
        sample = S(t(2, 4), h, t(2 * gates, 3), t(2 * gates, 2))
        yield Wrong(sample, (ValueError, RuntimeError), name)

    return wrong


for _name, _oracle, _gates in (
    ("lstm_cell", lstm_cell, 4),
    ("gru_cell", gru_cell, 3),
    ("rnn_tanh_cell", rnn_cell(np.tanh), 1),
    ("rnn_relu_cell", rnn_cell(lambda x: np.maximum(x, 0)), 1),
):
    case(
        _name,
        _oracle,
        _cell(_gates, _name == "lstm_cell"),
        scale=8,
        wrong=_wrong_cell(_gates, _name, _name == "lstm_cell"),
    )


def lstm_gates(parts, c):
    i, f, g, o = np.split(parts, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_gates(x, s, h):
    (xr, xz, xn), (sr, sz, sn) = np.split(x, 3, -1), np.split(s, 3, -1)
    z = sigmoid(xz + sz)
    return (1 - z) * np.tanh(xn + sigmoid(xr + sr) * sn) + z * h


case(
    "lstm_gates",
    lstm_gates,
    lambda t: [
        S(t(3, 76), t(3, 19)),
        S(t(2, 3, 8), t(2, 3, 2)),
        S(t(4), t(1)),
        S(t(0, 8), t(0, 2)),
    ],
    fn="ops.recurrent.lstm_gates",
    scale=8,
)
case(
    "gru_gates",
    gru_gates,
    lambda t: [
        S(t(3, 57), t(3, 57), t(3, 19)),
        S(t(2, 2, 6), t(2, 2, 6), t(2, 2, 2)),
        S(t(3), t(3), t(1)),
    ],
    fn="ops.recurrent.gru_gates",
    scale=8,
)


def _steps(cell):
    """The oracle of all steps from that of one, which gives a list whose first are its states."""

    def steps(parts, *rest):
        reverse = rest[-1] if isinstance(rest[-1], bool) else False
        found = {}
        for t in range(len(parts))[:: -1 if reverse else 1]:
            found[t], rest = cell(parts[t], *rest)
        results = tuple(map(np.stack, zip(*(found[t] for t in range(len(parts))), strict=True)))
        return results if len(results) > 1 else results[0]

    return steps


def _lstm_step(x, h, c, weight, *options):
    sums = x + h @ weight.T
    h, c = lstm_gates(sums, c)
    return (h, c, sums), (h, c, weight, *options)


def _gru_step(x, h, weight, bias=None, *options):
    sums = h @ weight.T + (0 if bias is None else bias)
    h = gru_gates(x, sums, h)
    return (h, sums), (h, weight, bias, *options)


def _rnn_step(x, h, weight, nonlinearity="tanh", *options):
    h = x + h @ weight.T
    h = np.tanh(h) if nonlinearity == "tanh" else np.maximum(h, 0)
    return (h,), (h, weight, nonlinearity, *options)


def _of_steps(gates, states, *options):
    """Rows that are few and many for two threads, and sizes beside a vector's and a tile's."""

    def samples(t):
        for steps, rows, size in ((3, 2, 2), (1, 1, 3)):
            given = [t(rows, size) for _ in range(states)]
            for extra in options:
                extra = [t(gates * size) if e == "bias" else e for e in extra]
                yield S(t(steps, rows, gates * size), *given, t(gates * size, size), *extra)
        for steps, rows, size in ((2, 29, 33), (5, 3, 48)):
            given = [t(rows, size) for _ in range(states)]
            for extra in options:
                extra = [t(gates * size) if e == "bias" else e for e in extra]
                weight = t(gates * size, size, low=-0.2, high=0.2)
                yield S(t(steps, rows, gates * size), *given, weight, *extra).forward_only()

    return samples


def _wrong_steps(gates, states, name):
    def wrong(t):
        given = [t(2, 3) for _ in range(states)]
        yield Wrong(S(t(4, 2, gates * 3), *given, t(gates * 3, 4)), ValueError, name)
        yield Wrong(S(t(4, 5, gates * 3), *given, t(gates * 3, 3)), ValueError, name)
        yield Wrong(S(t(0, 2, gates * 3), *given, t(gates * 3, 3)), ValueError, name)

    return wrong


for _name, _step, _gates, _states, _options in (
    ("lstm_steps", _lstm_step, 4, 2, [(), (True,)]),
    ("gru_steps", _gru_step, 3, 1, [(), ("bias", True)]),
    ("rnn_steps", _rnn_step, 1, 1, [(), ("relu", True)]),
):
    case(
        _name,
        _steps(_step),
        _of_steps(_gates, _states, *_options),
        fn=f"ops.recurrent_steps.{_name}",
        scale=16,
        wrong=_wrong_steps(_gates, _states, _name),
    )
