"""Integer weights: what they lose, what is computed with them, and modules that hold them."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn

ALL = [(bits, group, symmetric) for bits in (8, 4) for group in (32, 64, 128)
       for symmetric in (True, False)]  # fmt: skip


def matrix(n, k, device, seed=0):
    values = np.random.default_rng(seed).normal(size=(n, k)).astype(np.float32)
    return values, vidya.tensor(values, device=device)


def rows_of(stored, unit):
    """Blocks of 16 rows, in which `unit` neighbours of every row stand together, row by row."""
    out = np.empty_like(stored)
    for first in range(0, len(stored), 16):
        block = stored[first : first + 16]
        lanes = block.reshape(-1, len(block), unit)
        for row in range(len(block)):
            out[first + row] = lanes[:, row].reshape(-1)
    return out


def unpacked(q):
    """The integers of a Quantized, read from its bytes alone."""
    rows = rows_of(q.weight.numpy(), 4)
    if q.bits == 8:
        return rows.astype(np.float64)
    words = rows.reshape(len(rows), -1, 1, 4)
    return np.concatenate([words & 15, words >> 4], 2).reshape(len(rows), -1).astype("f8") - 8


def scales_of(q, x):
    values = x.float().numpy().astype(np.float64)
    return np.repeat(rows_of(values, 1), q.group, 1)


def values_of(q):
    return unpacked(q) * scales_of(q, q.scale) + (0 if q.zero is None else scales_of(q, q.zero))


@pytest.mark.parametrize("bits, group, symmetric", ALL)
def test_weights_are_off_by_about_half_a_step(device, bits, group, symmetric):
    w, x = matrix(7, 256, device)
    q = vidya.quantize(x, bits, group, symmetric)
    assert q.weight.dtype is (vidya.int8 if bits == 8 else vidya.uint8)
    assert q.weight.shape == (7, 256 * bits // 8)
    np.testing.assert_allclose(q.dequantize().numpy(), values_of(q), rtol=1e-6, atol=1e-6)
    step = np.abs(scales_of(q, q.scale))
    # four bits without a zero may cut the largest off, a fifth of 8 steps and one that has no place
    assert (np.abs(values_of(q) - w) <= step * (3 if bits == 4 and symmetric else 0.501)).all()
    assert np.mean(np.abs(values_of(q) - w) / step) < 0.3


def test_no_worse_than_the_plain_rule(device):
    w, x = matrix(64, 128, device)
    groups = w.reshape(64, -1, 32)
    step = np.abs(groups).max(-1, keepdims=True) / 7
    plain = np.square(np.round(groups / step) * step - groups).mean()
    ours = np.square(values_of(vidya.quantize(x, 4)) - w).mean()
    assert ours < 0.85 * plain


@pytest.mark.parametrize("bits, group, symmetric", ALL)
@pytest.mark.parametrize("rows", [(), (1,), (2, 3), (40,)])
def test_linear(device, bits, group, symmetric, rows):
    _, w = matrix(37, 128, device)
    q = vidya.quantize(w, bits, group, symmetric)
    values, x = matrix(int(np.prod(rows)), 128, device, 1)
    bias, b = matrix(1, 37, device, 2)
    layer = nn.QuantizedLinear(q, b.reshape(37))
    got = layer(x.reshape(*rows, 128)).numpy()
    want = (values.astype(np.float64) @ values_of(q).T + bias).reshape(*rows, 37)
    np.testing.assert_allclose(got, want, atol=2e-3)


def test_zeros_and_constants_survive(device):
    w = np.zeros((3, 64), np.float32)
    w[1] = -2.5
    for symmetric in (True, False):
        for bits in (8, 4):
            q = vidya.quantize(vidya.tensor(w, device=device), bits, 64, symmetric)
            np.testing.assert_allclose(values_of(q), w, rtol=2.0**-7)


def test_gradient_reaches_the_input(device):
    _, w = matrix(10, 64, device)
    _, x = matrix(5, 64, device, 1)
    x.requires_grad_()
    q = vidya.quantize(w, 4)
    nn.QuantizedLinear(q)(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.tile(values_of(q).sum(0), (5, 1)), rtol=1e-4,
                               atol=1e-4)  # fmt: skip


def test_modules(device):
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Sequential(nn.Linear(128, 5)))
    model.to(device)
    _, x = matrix(3, 64, device)
    before = model(x).detach().numpy()
    assert vidya.quantize(model) is model
    assert isinstance(model[0], nn.QuantizedLinear) and isinstance(model[2][0], nn.QuantizedLinear)
    assert not list(model.parameters())
    np.testing.assert_allclose(model(x).numpy(), before, atol=0.02)
    state = model.state_dict()
    other = vidya.quantize(nn.Sequential(nn.Linear(64, 128), nn.ReLU(),
                                         nn.Sequential(nn.Linear(128, 5))).to(device))  # fmt: skip
    other.load_state_dict(state)
    np.testing.assert_array_equal(other(x).numpy(), model(x).numpy())
    assert "bits=8" in repr(model)


def test_a_module_changes_wholly_or_not_at_all():
    model = nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 4))
    with pytest.raises(ValueError, match="multiple of 64"):
        vidya.quantize(model)
    assert type(model[0]) is nn.Linear


@pytest.mark.parametrize("kwargs", [{"bits": 3}, {"group": 16}])
def test_what_is_not_there(kwargs):
    with pytest.raises(ValueError, match="4 or 8"):
        vidya.quantize(vidya.ones(2, 64), **kwargs)
    with pytest.raises(TypeError, match="floats"):
        vidya.quantize(vidya.ones(2, 64), scale_dtype=vidya.int8)


def test_shapes_that_do_not_fit():
    q = vidya.quantize(vidya.ones(2, 64))
    layer = nn.QuantizedLinear(q)
    with pytest.raises(ValueError, match="must be 64"):
        layer(vidya.ones(3, 65))
    with pytest.raises(ValueError, match="do not fit"):
        nn.QuantizedLinear(q._replace(group=64))(vidya.ones(64))
    with pytest.raises(TypeError, match="uint8"):
        nn.QuantizedLinear(q._replace(bits=4))(vidya.ones(64))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("group, symmetric", [(32, True), (64, True), (128, True), (64, False)])
@pytest.mark.parametrize("k", [128, 384, 1152])
@pytest.mark.parametrize("rows", [1, 5, 40])
def test_integers_times_bfloat16(device, bits, group, symmetric, k, rows):
    _, w = matrix(37, k, device)
    q = vidya.quantize(w, bits, group, symmetric)
    _, x = matrix(rows, k, device, 1)
    x = x.to(vidya.bfloat16)
    got = nn.QuantizedLinear(q)(x).float().numpy()
    want = x.float().numpy().astype(np.float64) @ values_of(q).T
    np.testing.assert_allclose(got, want, atol=5e-3 * np.abs(want).max())


@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_not_a_number_stays_so(device, bits):
    _, w = matrix(5, 64, device)
    x = np.zeros((2, 64), np.float32)
    x[0, 3] = np.nan
    x = vidya.tensor(x, device=device).to(vidya.bfloat16)
    got = nn.QuantizedLinear(vidya.quantize(w, bits))(x).float().numpy()
    assert np.isnan(got[0]).all() and (got[1] == 0).all()
