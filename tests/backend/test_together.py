"""Products of one x with several weights are one kernel where the device has it for so few rows."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.compile.pipeline import PASSES
from vidya.nn import functional as F

OFF = [name for name in PASSES if name != "together"]


def data(device, *shape, seed=0, dtype=vidya.float32):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, device=device, dtype=dtype)


class Sides(nn.Module):
    """Three products of one x, and one of another."""

    def __init__(self, device, dtype, bias):
        super().__init__()
        place = {"device": device, "dtype": dtype, "bias": bias}
        self.a, self.b = nn.Linear(128, 40, **place), nn.Linear(128, 24, **place)
        self.c, self.d = nn.Linear(128, 40, **place), nn.Linear(40, 128, **place)

    def forward(self, x):
        a = self.a(x)
        return self.d(F.silu(a) * self.c(x)), self.b(x), a


def ran(function, x, passes=None):
    compiled = vidya.compile(function, passes=passes)
    with vidya.no_grad():
        results = compiled(x)
        again = compiled(x)
    for one, other in zip(results, again, strict=True):
        np.testing.assert_array_equal(one.float().numpy(), other.float().numpy())
    (entry,) = compiled.entries.values()
    return [t.float().numpy() for t in results], entry


@pytest.mark.parametrize("bits", [None, 8, 4])
@pytest.mark.parametrize("dtype", [vidya.float32, vidya.bfloat16], ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_the_same_as_one_by_one(device, bits, dtype, bias):
    model = Sides(device, dtype, bias)
    if bits:
        try:
            model.a, model.b, model.c = (
                vidya.quantize(m, bits) for m in (model.a, model.b, model.c)
            )
        except vidya.errors.UnsupportedError as error:
            pytest.skip(str(error))
    one, several = (
        ("linear", "linears") if bits is None else ("quantized_linear", "quantized_linears")
    )
    for rows in [(1,), (5,), (2, 2)]:
        x = data(device, *rows, 128, dtype=dtype)
        want, plain = ran(model, x, OFF)
        got, entry = ran(model, x)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(
                g, w, rtol=2e-2 if dtype is vidya.bfloat16 else 1e-4, atol=2e-2
            )
        assert "together" not in plain.saved
        if device == "openblas":
            assert entry.saved["together"] == 2
            (node,) = [n for n in entry.capture.nodes if n.op == several]
            assert node.parts == (one,) * 3


def test_many_rows_stay_apart(device):
    model = Sides(device, vidya.float32, True)
    _, entry = ran(model, data(device, 200, 128))
    assert entry.saved["together"] == 0


def test_weights_that_are_written_between(device):
    """The second product reads what the step has written meanwhile."""
    w, v = data(device, 16, 128, seed=1), data(device, 16, 128, seed=2)

    def f(x):
        a = F.linear(x, w)
        v.add_(1)
        return a, F.linear(x, v)

    x = data(device, 1, 128)
    (a, b), entry = ran_once(f, x)
    assert entry.saved["together"] == 0
    np.testing.assert_allclose(a, x.numpy() @ w.numpy().T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(b, x.numpy() @ v.numpy().T, rtol=1e-4, atol=1e-4)


def test_an_x_that_is_written_between(device):
    w, v = data(device, 16, 128, seed=1), data(device, 16, 128, seed=2)
    x = data(device, 1, 128)
    before = x.numpy().copy()

    def f():
        a = F.linear(x, w)
        x.mul_(2)
        return a, F.linear(x, v)

    (a, b), entry = ran_once(f)
    assert entry.saved["together"] == 0
    np.testing.assert_allclose(a, before @ w.numpy().T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(b, 2 * before @ v.numpy().T, rtol=1e-4, atol=1e-4)


def ran_once(function, *args):
    compiled = vidya.compile(function)
    with vidya.no_grad():
        results = [t.numpy() for t in compiled(*args)]
    (entry,) = compiled.entries.values()
    return results, entry
