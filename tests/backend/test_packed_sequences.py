"""Sequences of several lengths: packed, they give what each gives alone."""

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.nn.utils import rnn

LENGTHS = ([5, 3, 3, 1], [2, 5, 1, 4], [1, 1])


def batch(lengths, device, seed=0):
    numbers = np.random.default_rng(seed).normal(size=(len(lengths), max(lengths) + 1, 3))
    return vidya.tensor(numbers, device=device, dtype=vidya.float32)


def layer(name, device, **kwargs):
    vidya.manual_seed(1)
    return getattr(nn, name)(3, 4, **kwargs).to(device=device)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_packing_and_padding_are_inverse(device, lengths, batch_first):
    x = batch(lengths, device)
    given = x if batch_first else x.transpose(0, 1)
    packed = rnn.pack_padded_sequence(given, lengths, batch_first, enforce_sorted=False)
    assert packed.data.shape == (sum(lengths), 3)
    assert packed.batch_sizes.tolist() == [sum(n > t for n in lengths) for t in range(max(lengths))]
    padded, found = rnn.pad_packed_sequence(packed, batch_first, -1.0, max(lengths) + 2)
    assert found.tolist() == lengths
    padded = padded if batch_first else padded.transpose(0, 1)
    assert padded.shape == (len(lengths), max(lengths) + 2, 3)
    for i, n in enumerate(lengths):
        np.testing.assert_array_equal(padded[i, :n].numpy(), x[i, :n].numpy())
        assert (padded[i, n:] == -1).all()


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RNN", {}), ("GRU", {"bidirectional": True, "num_layers": 2}), ("LSTM", {"num_layers": 2}),
        ("LSTM", {"bidirectional": True, "proj_size": 2}), ("RNN", {"nonlinearity": "relu"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_state", [False, True])
def test_layers_over_packed_sequences(device, lengths, name, options, with_state):
    """Values, last states and gradients are those of every sequence on its own."""
    one = layer(name, device, **options)
    x = batch(lengths, device).requires_grad_()
    rows = one.num_layers * (2 if one.bidirectional else 1)
    sizes = [one.proj_size or 4, 4][: 2 if name == "LSTM" else 1]
    state = None
    if with_state:
        state = tuple(
            vidya.tensor(np.random.default_rng(k).normal(size=(rows, len(lengths), n)),
                         device=device, dtype=vidya.float32) for k, n in enumerate(sizes)
        )  # fmt: skip

    def total(outs, states):
        return sum((y * y + y).sum() for y in (*outs, *states))

    packed = rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    out, last = one(packed, state if state is None or name == "LSTM" else state[0])
    outs, last = rnn.unpack_sequence(out), last if name == "LSTM" else (last,)
    (grad,) = vidya.autograd.grad(total(outs, last), [x])

    alone, ends = [], []
    for i, n in enumerate(lengths):
        own = None if state is None else tuple(s[:, i] for s in state)
        y, end = one(x[i, :n], own if own is None or name == "LSTM" else own[0])
        alone.append(y)
        ends.append(end if name == "LSTM" else (end,))
    ends = [vidya.stack(list(parts), 1) for parts in zip(*ends, strict=True)]
    (wanted,) = vidya.autograd.grad(total(alone, ends), [x])

    for found, right in zip([*outs, *last, grad], [*alone, *ends, wanted], strict=True):
        np.testing.assert_allclose(found.detach().numpy(), right.detach().numpy(), 1e-4, 1e-5)


def test_padding_sequences(device):
    x = [vidya.arange(n, device=device).float().reshape(n, 1) for n in (2, 3, 1)]
    right = rnn.pad_sequence(x, batch_first=True, padding_value=9.0)
    assert right[..., 0].tolist() == [[0, 1, 9], [0, 1, 2], [0, 9, 9]]
    left = rnn.pad_sequence(x, batch_first=True, padding_side="left")
    assert left[..., 0].tolist() == [[0, 0, 1], [0, 1, 2], [0, 0, 0]]
    assert rnn.pad_sequence(x).shape == (3, 3, 1)
    back = rnn.unpack_sequence(rnn.pack_sequence(x, enforce_sorted=False))
    assert [y.tolist() for y in back] == [y.tolist() for y in x]


def test_what_is_wrong_is_said(device):
    x = vidya.zeros(2, 4, 3, device=device)
    with pytest.raises(ValueError, match="falling"):
        rnn.pack_padded_sequence(x, [1, 4], batch_first=True)
    with pytest.raises(ValueError, match="from 1 to 4"):
        rnn.pack_padded_sequence(x, [5, 1], batch_first=True)
    with pytest.raises(ValueError, match="2 integers"):
        rnn.pack_padded_sequence(x, [4, 4, 1], batch_first=True)
    with pytest.raises(TypeError, match="pad_sequence: sequences"):
        rnn.pad_sequence([1, 2])
    packed = rnn.pack_padded_sequence(x, [4, 1], batch_first=True)
    with pytest.raises(ValueError, match="total_length 3"):
        rnn.pad_packed_sequence(packed, total_length=3)
    with pytest.raises(ValueError, match="differ in T only"):
        rnn.pad_sequence([x[0], x[0, :, :1]])
    with pytest.raises(ValueError, match=r"packed data \[\.\.\., 5\]"):
        nn.GRU(5, 2).to(device=device)(packed)
