"""Layers beside PyTorch's of the same name: results, parameter names, running statistics."""

import numpy as np
import pytest
import vidya
from vidya import nn

torch = pytest.importorskip("torch")
SIZES = {1: (7,), 2: (6, 5), 3: (4, 5, 3)}


def both(name, *args, train=True, **kwargs):
    """The two layers, in float64, with the same parameters."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double().train(train)
    ours = getattr(nn, name)(*args, **kwargs).double().train(train)
    state = {key: vidya.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def check(name, inputs, *args, train=True, **kwargs):
    ours, theirs = both(name, *args, train=train, **kwargs)
    found = ours(*(vidya.tensor(x) for x in inputs))
    wanted = theirs(*(torch.tensor(x) for x in inputs))
    one = not isinstance(wanted, tuple)
    for a, b in zip((found,) if one else found, (wanted,) if one else wanted, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)
    for key, value in theirs.state_dict().items():  # running statistics have moved alike
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-9)
    assert repr(ours).startswith(name)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


PLAIN = [
    "CELU",
    "ELU",
    "GELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "Sigmoid",
    "SiLU",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]


@pytest.mark.parametrize("name", PLAIN)
def test_activation(name):
    check(name, [numbers(3, 4, 5)])


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Softmin", "GLU"])
def test_activation_along_a_dim(name):
    check(name, [numbers(3, 4)], dim=-1)


def test_softmax_asks_for_its_dim():
    with pytest.raises(ValueError, match="dim"):
        nn.Softmax()(vidya.ones(3))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_convolutions(n):
    x = numbers(2, 4, *SIZES[n])
    check(f"Conv{n}d", [x], 4, 6, 3)
    check(f"Conv{n}d", [x], 4, 6, 3, 2, 1, groups=2, bias=False)
    check(f"Conv{n}d", [x], 4, 6, 2, padding=1, padding_mode="replicate")
    check(f"Conv{n}d", [x], 4, 6, 3, padding="same", padding_mode="circular")
    check(f"ConvTranspose{n}d", [x], 4, 6, 3, 2, 1, 1)


def test_conv_transpose_to_a_size():
    ours, theirs = both("ConvTranspose1d", 2, 3, 3, 2)
    x = numbers(1, 2, 5)
    found = ours(vidya.tensor(x), output_size=[12])
    wanted = theirs(torch.tensor(x), output_size=[12])
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy())
    with pytest.raises(ValueError, match="output_size"):
        ours(vidya.tensor(x), output_size=[20])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pooling(n):
    x = numbers(2, 4, *SIZES[n])
    check(f"MaxPool{n}d", [x], 2)
    check(f"MaxPool{n}d", [x], 3, 2, 1, return_indices=True)
    check(f"AvgPool{n}d", [x], 3, 2, 1)
    check(f"AdaptiveAvgPool{n}d", [x], 3)
    check(f"AdaptiveMaxPool{n}d", [x], 3, return_indices=True)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_norms(n, train):
    x = numbers(4, 6, *SIZES[n])
    check(f"BatchNorm{n}d", [x], 6, train=train)
    check(f"BatchNorm{n}d", [x], 6, momentum=None, train=train)
    check(f"BatchNorm{n}d", [x], 6, track_running_stats=False, affine=False, train=train)
    check(f"InstanceNorm{n}d", [x], 6, train=train)
    check(f"InstanceNorm{n}d", [x], 6, affine=True, track_running_stats=True, train=train)


def test_group_norm():
    check("GroupNorm", [numbers(2, 6, 4)], 3, 6)


def test_others():
    check("Flatten", [numbers(2, 3, 4)])
    check("PixelShuffle", [numbers(2, 8, 3, 3)], 2)
    check("Upsample", [numbers(2, 3, 4, 4)], scale_factor=2, mode="bilinear")
    check("Unfold", [numbers(2, 3, 6, 6)], 2)


@pytest.mark.parametrize(
    "name", ["MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "CosineSimilarity"]
)
def test_losses_of_two(name):
    check(name, [numbers(4, 5), numbers(4, 5, seed=1)])


def test_losses_of_classes():
    classes = np.random.default_rng(0).integers(0, 5, 4)
    check("CrossEntropyLoss", [numbers(4, 5), classes], label_smoothing=0.1)
    check("LinearCrossEntropyLoss", [numbers(4, 6), classes], 6, 5, bias=True)
    check("MultiMarginLoss", [numbers(4, 5), classes], p=2, margin=0.5)
    check("NLLLoss", [numbers(4, 5), classes])
    check("BCEWithLogitsLoss", [numbers(4, 5), np.random.default_rng(1).random((4, 5))])
    check("TripletMarginLoss", [numbers(4, 5, seed=i) for i in range(3)])


@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention(batch_first):
    inputs = [numbers(3, 5, 8, seed=i) for i in range(3)]
    check("MultiheadAttention", inputs, 8, 2, batch_first=batch_first)
    padded = np.zeros((3, 5), bool)
    padded[0, 3:] = True
    inputs = [numbers(3, 5, 8), numbers(3, 5, 6, seed=1), numbers(3, 5, 4, seed=2), padded]
    check("MultiheadAttention", inputs, 8, 2, batch_first=True, kdim=6, vdim=4)


def test_multihead_attention_without_weights():
    ours, theirs = both("MultiheadAttention", 8, 2)
    x, mask = numbers(5, 3, 8), np.triu(np.ones((5, 5), bool), 1)
    found, none = ours(*[vidya.tensor(x)] * 3, attn_mask=vidya.tensor(mask), need_weights=False)
    wanted, _ = theirs(*[torch.tensor(x)] * 3, attn_mask=torch.tensor(mask), need_weights=False)
    assert none is None
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", ["Dropout", "Dropout1d"])
def test_dropout_zeroes_a_share_and_keeps_the_mean(name):
    vidya.manual_seed(0)
    layer, x = getattr(nn, name)(0.25), vidya.ones(400, 50, 2)
    y = layer(x).numpy()
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert y.mean() == pytest.approx(1, abs=0.02)
    if name == "Dropout1d":
        assert (y[..., 0] == y[..., 1]).all()
    assert layer.eval()(x) is x


@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    vidya.manual_seed(0)
    layer, x = getattr(nn, name)(0.2), vidya.randn(300, 200, 2)
    y = layer(x).numpy()
    assert y.mean() == pytest.approx(0, abs=0.03)
    assert y.std() == pytest.approx(1, abs=0.03)
    assert layer.eval()(x) is x


def test_embedding_with_padding():
    check("Embedding", [np.array([[0, 3], [5, 2]])], 6, 4, padding_idx=-1)
    layer = nn.Embedding(6, 4, padding_idx=2)
    assert not layer.weight.detach().numpy()[2].any()
    layer(vidya.tensor([1, 2, 2])).sum().backward()
    assert layer.weight.grad.numpy()[1].tolist() == [1.0] * 4
    assert not layer.weight.grad.numpy()[2].any()
    with pytest.raises(ValueError, match="padding_idx"):
        nn.Embedding(6, 4, padding_idx=6)
