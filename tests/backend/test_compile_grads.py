"""A compiled function and eager code that leave each other gradients."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.optim import SGD, AdamW

OPTIMIZERS = {
    "sgd": lambda p: SGD(p, lr=0.1, momentum=0.9),
    "adamw": lambda p: AdamW(p, lr=0.02),
}


def batches(device, n):
    rng = np.random.default_rng(0)
    return [vidya.tensor(rng.normal(size=(3, 2)).astype("f4"), device=device) for _ in range(n)]


def trained(device, make, together=False, **compiled):
    """(parameters after 8 batches of which every second one is stepped, the functions)"""
    vidya.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).to(device)
    optimizer = make(model.parameters())

    def gradients(x):
        model(x).square().mean().backward()

    def clip():
        return nn.utils.clip_grad_norm_(model.parameters(), 0.05)

    def step():
        optimizer.step()
        optimizer.zero_grad()

    done = {"gradients": gradients, "clip": clip, "step": step}
    done.update({name: vidya.compile(done[name]) for name in compiled})
    for i, x in enumerate(batches(device, 8)):
        done["gradients"](x)
        if i % 2:
            done["clip"]()
            done["step"]()
    return [p.detach().numpy() for p in model.parameters()], done


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize(
    "names", [("step",), ("clip",), ("gradients",), ("clip", "step"), ("gradients", "clip", "step")]
)
def test_parts_of_a_step_may_be_compiled_apart(device, make, names):
    wanted, _ = trained(device, make)
    got, done = trained(device, make, **dict.fromkeys(names, True))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for name in names:  # the first batch of a step and the next find other gradients, no more
        assert len(done[name].entries) <= 2, name


def test_a_plan_reads_the_gradients_that_it_left_itself(device):
    def run(compiled):
        w = vidya.tensor([1.0, 2.0], device=device).requires_grad_()
        optimizer = SGD([w], lr=0.1)

        def step(x):
            optimizer.step()  # with the gradients of the last call
            optimizer.zero_grad()
            loss = (w * x).square().sum()
            loss.backward()
            return loss

        run = vidya.compile(step) if compiled else step
        losses = [run(x).item() for x in vidya.ones(6, 2, device=device).unbind(0)]
        return losses, run

    (wanted, _), (got, step) = run(False), run(True)
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    assert len(step.entries) == 2


def test_a_gradient_is_asked_for_at_every_run(device):
    w = vidya.zeros(2, device=device).requires_grad_()
    f = vidya.compile(lambda: vidya.zeros(2, device=device) if w.grad is None else w.grad * 2)
    for value in (1.0, None, 3.0, 4.0, None):
        w.grad = None if value is None else vidya.full((2,), value, device=device)
        np.testing.assert_array_equal(f().numpy(), [2 * (value or 0)] * 2)
    assert len(f.entries) == 2


def test_zeroing_gradients_that_were_not_there_at_first(device):
    w = vidya.ones(2, device=device).requires_grad_()
    optimizer = SGD([w], lr=0.1)
    clear = vidya.compile(lambda: optimizer.zero_grad(set_to_none=False))
    clear()
    assert w.grad is None
    for _ in range(2):
        w.grad = vidya.ones(2, device=device)
        clear()
        np.testing.assert_array_equal(w.grad.numpy(), [0, 0])


def test_a_gradient_that_two_tensors_share(device):
    a, b = (vidya.ones(2, device=device).requires_grad_() for _ in range(2))
    f = vidya.compile(lambda: a.grad + 10 * b.grad)
    one, two = vidya.ones(2, device=device), vidya.full((2,), 2.0, device=device)
    for a.grad, b.grad in ((one, one), (two, two), (one, two), (two, one)):
        np.testing.assert_array_equal(f().numpy(), a.grad.numpy() + 10 * b.grad.numpy())


def test_a_gradient_is_written_in_a_loop(device):
    if not vidya.device(device).core.strided:
        pytest.skip(f"{device} replays no plan without Python")
    w = vidya.zeros(2, device=device).requires_grad_()
    halve = vidya.compile(lambda: w.grad.mul_(0.5).sum())
    w.grad = vidya.full((2,), 8.0, device=device)
    np.testing.assert_array_equal(halve.loop(2).numpy(), [8, 4])
    w.grad = vidya.full((2,), 4.0, device=device)
    np.testing.assert_array_equal(halve.loop(2).numpy(), [4, 2])


def test_a_function_without_arguments_runs_where_its_tensors_are(device):
    w = vidya.ones(2, device=device)
    hidden = {"deep": {"down": w}}
    np.testing.assert_array_equal(
        vidya.compile(lambda: hidden["deep"]["down"] * 2)().numpy(), [2, 2]
    )
