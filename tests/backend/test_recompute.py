"""checkpoint gives the gradients of the plain call; detect_anomaly names the first NaN's op."""

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.autograd import detect_anomaly
from vidya.errors import AutogradError
from vidya.utils.checkpoint import checkpoint, checkpoint_sequential


@pytest.fixture
def model(device):
    vidya.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 4)).to(device)


def gradients(model, x, run):
    model.zero_grad()
    x.grad = None
    vidya.manual_seed(7)
    loss = run(x * 1).square().sum()
    loss.backward()
    return float(loss), [p.grad.numpy().copy() for p in (*model.parameters(), x)]


def test_gradients_are_those_of_the_plain_call(model, device):
    x = vidya.randn(5, 4, device=device, requires_grad=True)
    loss, wanted = gradients(model, x, model)
    for run in (
        lambda t: checkpoint(model, t),
        lambda t: checkpoint_sequential(model, 2, t),
    ):
        again, found = gradients(model, x, run)
        assert again == loss
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_compiled_step_draws_the_same_numbers_again(model, device):
    def step(x):
        model.zero_grad()
        vidya.utils.checkpoint.checkpoint(model, x).square().sum().backward()
        return [p.grad for p in model.parameters()]

    x = vidya.randn(5, 4, device=device)
    vidya.manual_seed(7)
    wanted = [[g.numpy() for g in step(x)] for _ in range(3)]
    vidya.manual_seed(7)
    compiled = vidya.compile(step)
    for row in wanted:
        for a, b in zip(compiled(x), row, strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-6)


def test_parameters_get_gradients_when_no_argument_needs_one(model, device):
    vidya.manual_seed(7)
    checkpoint(model, vidya.ones(2, 4, device=device)).sum().backward()
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.parameters())


def test_grad_goes_through(device):
    x = vidya.tensor([0.5, 1.5], device=device, requires_grad=True)
    (g,) = vidya.autograd.grad(checkpoint(lambda t: t.sin() * t, x).sum(), x)
    a = x.detach().numpy()
    np.testing.assert_allclose(g.numpy(), np.sin(a) + a * np.cos(a), rtol=1e-6)


def test_the_op_that_made_the_first_nan_is_named(device):
    x = vidya.tensor([1.0, -1.0], device=device, requires_grad=True)
    with detect_anomaly(), pytest.raises(AutogradError, match=r"log\(float32\[2\]\)"):
        ((x * 2).log() * 3).sum()
    assert bool((x * 2).log().isnan().any())  # outside nobody looks


def test_the_op_whose_gradient_is_the_first_nan_is_named(device):
    x = vidya.tensor([1.0, 0.0], device=device, requires_grad=True)
    zero = vidya.tensor([1.0, 0.0], device=device)
    with detect_anomaly(), pytest.raises(AutogradError, match="gradient of sqrt"):
        ((x * 3).sqrt() * zero).sum().backward()
