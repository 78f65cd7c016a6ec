"""Recurrent and transformer layers, and borders: by their parts, and beside PyTorch's."""

import numpy as np
import pytest
import vidya
from vidya import nn


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def flat(nest):
    return [t for part in nest for t in flat(part)] if isinstance(nest, tuple) else [nest]


def beside_torch(name, inputs, *args, train=False, masks=(), **kwargs):
    """The same result and gradients, the parameters being the same."""
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, name)(*args, **kwargs).double().train(train)
    ours = getattr(nn, name)(*args, **kwargs).double().train(train)
    state = {key: vidya.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)

    def run(library, layer):
        def place(x):
            if isinstance(x, tuple):
                return tuple(map(place, x))
            t = library.tensor(x)
            return t.requires_grad_() if t.dtype == library.float64 else t

        given = [place(x) for x in inputs]
        results = flat(layer(*given, **{k: place(v) for k, v in dict(masks).items()}))
        sum((r * r * 0.5 + r).sum() for r in results).backward()
        leaves = [t for t in flat(tuple(given)) if t.grad is not None]
        grads = [p.grad for p in layer.parameters()] + [t.grad for t in leaves]
        return [t.detach().numpy() for t in results + grads]

    for found, wanted in zip(run(vidya, ours), run(torch, theirs), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-9)
    return ours


RECURRENT = [
    {}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True},
    {"bias": False}, {"batch_first": True},
]  # fmt: skip


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("options", RECURRENT, ids=str)
def test_recurrent_layers_beside_pytorch(name, options):
    assert repr(beside_torch(name, [numbers(5, 3, 4)], 4, 6, **options)).startswith(name)


def test_recurrent_layers_with_a_state():
    state = numbers(2, 3, 6, seed=1)
    beside_torch("GRU", [numbers(5, 3, 4), state], 4, 6, 2)
    beside_torch("LSTM", [numbers(5, 3, 4), (state, state * 2)], 4, 6, 2)
    beside_torch("LSTM", [numbers(5, 4), (state[:1, 0], state[1:, 0])], 4, 6)
    beside_torch("RNN", [numbers(5, 3, 4)], 4, 6, nonlinearity="relu")
    beside_torch("LSTM", [numbers(5, 3, 4)], 4, 6, 2, bidirectional=True, proj_size=2)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells_beside_pytorch(name):
    beside_torch(name, [numbers(3, 4)], 4, 6)
    state = numbers(3, 6, seed=1)
    beside_torch(
        name, [numbers(3, 4), (state, state + 1) if name == "LSTMCell" else state], 4, 6, False
    )


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_layer_is_its_cell_step_by_step(name):
    layer = getattr(nn, name)(4, 6)
    cell = getattr(nn, f"{name}Cell")(4, 6)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = vidya.tensor(numbers(5, 3, 4).astype("f4"))
    out, last = layer(x)
    state = None
    for t in range(5):
        state = cell(x[t], state)
        h = state[0] if name == "LSTM" else state
        np.testing.assert_allclose(out[t].detach().numpy(), h.detach().numpy(), 1e-5, 1e-6)
    last = last[0] if name == "LSTM" else last
    np.testing.assert_allclose(last[0].detach().numpy(), out[-1].detach().numpy())


def test_a_compiled_lstm_learns():
    layer, head = nn.LSTM(2, 8), nn.Linear(8, 1)
    optimizer = vidya.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.03)
    x = vidya.tensor(numbers(6, 4, 2).astype("f4"))

    @vidya.compile
    def step():
        loss = (head(layer(x)[0])[-1].squeeze(-1) - x[0, :, 0]).square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    first = float(step())
    for _ in range(60):
        last = float(step())
    assert last < first / 10


def test_wrong_recurrent_calls():
    with pytest.raises(ValueError, match=r"LSTM: takes \[T, N, 4\].*\(5, 3, 3\)"):
        nn.LSTM(4, 6)(vidya.ones(5, 3, 3))
    with pytest.raises(ValueError, match=r"GRU: the state must be \(1, 3, 6\)"):
        nn.GRU(4, 6)(vidya.ones(5, 3, 4), vidya.ones(1, 2, 6))
    with pytest.raises(ValueError, match="proj_size is for an LSTM"):
        nn.GRU(4, 6, proj_size=2)
    with pytest.raises(ValueError, match='nonlinearity is "tanh" or "relu"'):
        nn.RNN(4, 6, nonlinearity="gelu")
    with pytest.raises(ValueError, match=r"gru_cell: input \(3, 5\) and state"):
        nn.GRUCell(4, 6)(vidya.ones(3, 5))


LAYER = (8, 2, 12, 0.0)
OPTIONS = [{}, {"activation": "gelu"}, {"norm_first": True}, {"batch_first": True}, {"bias": False}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_transformer_layers_beside_pytorch(options):
    x, memory = numbers(5, 3, 8), numbers(4 if "batch_first" not in options else 5, 3, 8, seed=1)
    if "batch_first" in options:
        memory = numbers(5, 4, 8, seed=1)
    # in training, for PyTorch has another way there without it
    beside_torch("TransformerEncoderLayer", [x], *LAYER, train=True, **options)
    beside_torch("TransformerDecoderLayer", [x, memory], *LAYER, train=True, **options)


def test_masks_of_transformer_layers():
    causal = np.triu(np.full((5, 5), -np.inf), 1)
    padding = np.zeros((3, 5), bool)
    padding[1, 3:] = True
    masks = {"src_mask": causal, "src_key_padding_mask": np.where(padding, -np.inf, 0.0)}
    beside_torch("TransformerEncoderLayer", [numbers(5, 3, 8)], *LAYER, train=True, masks=masks)
    masks = {"tgt_mask": causal, "memory_key_padding_mask": padding}
    inputs = [numbers(5, 3, 8), numbers(5, 3, 8, seed=1)]
    beside_torch("TransformerDecoderLayer", inputs, *LAYER, train=True, masks=masks)


def test_a_whole_transformer_beside_pytorch():
    inputs = [numbers(5, 3, 8), numbers(4, 3, 8, seed=1)]
    mask = np.triu(np.full((4, 4), -np.inf), 1)
    beside_torch("Transformer", inputs, 8, 2, 2, 2, 12, 0.0, train=True, masks={"tgt_mask": mask})
    made = nn.Transformer.generate_square_subsequent_mask(4).numpy()
    np.testing.assert_array_equal(made, mask.astype("f4"))


def test_the_layers_of_a_stack_are_copies():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(*LAYER), 2, nn.LayerNorm(8))
    first, second = encoder.layers
    assert first.linear1.weight is not second.linear1.weight
    np.testing.assert_array_equal(
        first.linear1.weight.detach().numpy(), second.linear1.weight.detach().numpy()
    )
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    x = vidya.tensor(numbers(5, 3, 8).astype("f4"))
    changed = x.clone()
    changed[4] += 1.0
    a, b = encoder(x, causal), encoder(changed, causal)
    np.testing.assert_allclose(a[:4].detach().numpy(), b[:4].detach().numpy(), 1e-5, 1e-6)
    assert not np.allclose(a[4].detach().numpy(), b[4].detach().numpy())
    np.testing.assert_allclose(
        encoder(x, is_causal=True).detach().numpy(), a.detach().numpy(), 1e-5, 1e-6
    )


MODES = {"Reflection": "reflect", "Replication": "edge", "Circular": "wrap", "Zero": "constant"}


@pytest.mark.parametrize("kind", MODES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_borders(kind, n):
    x = numbers(2, 3, *(4, 5, 6)[:n])
    sides = tuple(range(1, 2 * n + 1)) if kind == "Zero" else (1, 2) * n
    pairs = [(0, 0), (0, 0), *((sides[2 * i], sides[2 * i + 1]) for i in reversed(range(n)))]
    layer = getattr(nn, f"{kind}Pad{n}d")(sides)
    np.testing.assert_array_equal(layer(vidya.tensor(x)).numpy(), np.pad(x, pairs, MODES[kind]))
    assert repr(layer) == f"{kind}Pad{n}d({sides})"


def test_a_constant_border():
    layer = nn.ConstantPad2d(1, 3.5)
    x = numbers(3, 4, 5)
    wanted = np.pad(x, [(0, 0), (1, 1), (1, 1)], constant_values=3.5)
    np.testing.assert_array_equal(layer(vidya.tensor(x)).numpy(), wanted)
    with pytest.raises(ValueError, match="padding is a number or 4 of them"):
        nn.ConstantPad2d((1, 2), 0.0)


def test_small_layers_beside_pytorch():
    beside_torch("Bilinear", [numbers(5, 3), numbers(5, 4, seed=1)], 3, 4, 2)
    beside_torch("ChannelShuffle", [numbers(2, 6, 3)], 3)
    beside_torch("LocalResponseNorm", [numbers(2, 6, 3)], 3)
    beside_torch("Softmax2d", [numbers(2, 6, 3, 4)])
    beside_torch("Unflatten", [numbers(2, 6, 3)], 1, (2, 3))
    beside_torch("UpsamplingNearest2d", [numbers(2, 1, 3, 4)], scale_factor=2)
    beside_torch("UpsamplingBilinear2d", [numbers(2, 1, 3, 4)], (5, 6))
    x, y = numbers(5, 3), numbers(5, 3, seed=1)
    beside_torch("PoissonNLLLoss", [x, np.abs(y)])
    beside_torch("GaussianNLLLoss", [x, y, np.abs(numbers(5, 3, seed=2)) + 0.5])
    beside_torch("TripletMarginWithDistanceLoss", [x, y, numbers(5, 3, seed=2)], margin=4.0)


def test_ctc_loss_as_a_layer():
    logs = vidya.tensor(numbers(4, 2, 3)).log_softmax(-1)
    said = vidya.tensor([[1, 2], [2, 2]])
    found = nn.CTCLoss(reduction="sum")(logs, said, (4, 3), (2, 2))
    wanted = nn.functional.ctc_loss(logs, said, (4, 3), (2, 2), reduction="sum")
    assert float(found) == float(wanted) > 0


def test_functions_that_write_into_their_input():
    for name in ("relu_", "celu_", "elu_", "hardtanh_", "leaky_relu_", "selu_"):
        x = vidya.tensor(numbers(3, 4))
        wanted = getattr(nn.functional, name[:-1])(x)
        assert getattr(nn.functional, name)(x) is x
        np.testing.assert_array_equal(x.numpy(), wanted.numpy())
    x = vidya.tensor(numbers(3, 4))
    assert nn.functional.threshold_(x, 0.1, 5.0).numpy().min() > 0.1
