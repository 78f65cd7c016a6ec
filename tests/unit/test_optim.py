"""Optimizers against their written formulas, schedules, clipping, saving."""

from __future__ import annotations

import math

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.errors import CheckpointError, TrainingError
from vidya.optim import (
    SGD,
    Adam,
    AdamW,
    clip_grad_norm_,
    clip_grad_value_,
    schedules,
)
from vidya.optim.lr_scheduler import LambdaLR

STEPS = 6


def adam(p, grads, lr=0.1, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, decoupled=False):
    m = v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        if decoupled:
            p = p * (1 - lr * wd)
        else:
            g = g + wd * p
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        p = p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return p


def sgd(p, grads, lr=0.1, momentum=0.0, dampening=0.0, wd=0.0, nesterov=False):
    buf = None
    for g in grads:
        g = g + wd * p
        if momentum:
            buf = g if buf is None else momentum * buf + (1 - dampening) * g
            g = g + momentum * buf if nesterov else buf
        p = p - lr * g
    return p


CASES = {
    "sgd": (lambda ps: SGD(ps, lr=0.1), sgd),
    "momentum": (
        lambda ps: SGD(ps, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
        lambda p, g: sgd(p, g, momentum=0.9, dampening=0.2, wd=0.1),
    ),
    "nesterov": (
        lambda ps: SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
        lambda p, g: sgd(p, g, momentum=0.9, nesterov=True),
    ),
    "adam": (lambda ps: Adam(ps, lr=0.1), adam),
    "adam l2": (
        lambda ps: Adam(ps, lr=0.1, betas=(0.85, 0.99), eps=1e-3, weight_decay=0.1),
        lambda p, g: adam(p, g, b1=0.85, b2=0.99, eps=1e-3, wd=0.1),
    ),
    "adamw": (
        lambda ps: AdamW(ps, lr=0.1, weight_decay=0.1),
        lambda p, g: adam(p, g, wd=0.1, decoupled=True),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_steps_follow_the_formula(name, float64_device):
    make, formula = CASES[name]
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(3, 5)), rng.normal(size=(STEPS, 3, 5))
    param = nn.Parameter(vidya.tensor(start, device=float64_device))
    idle = nn.Parameter(vidya.ones(2, device=float64_device))
    optimizer = make([param, idle])
    for g in grads:
        param.grad = vidya.tensor(g, device=float64_device)
        optimizer.step()
    assert param.detach().numpy() == pytest.approx(formula(start, grads), rel=1e-12)
    assert idle.tolist() == [1, 1]  # no gradient, no step
    assert param.grad.tolist() == grads[-1].tolist()  # which a step leaves alone


@pytest.mark.parametrize("name", CASES)
def test_steps_agree_with_torch(name, device):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    start = rng.normal(size=(4, 4)).astype(np.float32)
    grads = rng.normal(size=(STEPS, 4, 4)).astype(np.float32)
    ours = nn.Parameter(vidya.tensor(start, device=device))
    theirs = torch.nn.Parameter(torch.tensor(start))
    a = CASES[name][0]([ours])
    settings = {k: v for k, v in a.param_groups[0].items() if k != "params"}
    b = getattr(torch.optim, type(a).__name__)([theirs], **settings)
    for g in grads:
        ours.grad, theirs.grad = vidya.tensor(g, device=device), torch.tensor(g)
        a.step()
        b.step()
    assert ours.detach().numpy() == pytest.approx(theirs.detach().numpy(), rel=2e-5, abs=1e-6)


def test_a_learning_rate_may_change_at_every_step(device):
    param = nn.Parameter(vidya.zeros(1, device=device))
    optimizer = SGD([param], lr=1.0)
    for lr in (1.0, 0.5, 0.25):
        optimizer.param_groups[0]["lr"] = lr
        param.grad = vidya.ones(1, device=device)
        optimizer.step()
    assert param.tolist() == [-1.75]


def test_groups_have_settings_of_their_own():
    a, b = nn.Parameter(vidya.zeros(1)), nn.Parameter(vidya.zeros(1))
    optimizer = SGD([{"params": [a], "lr": 2.0}, {"params": b}], lr=1.0)
    a.grad, b.grad = vidya.ones(1), vidya.ones(1)
    optimizer.step()
    assert (a.tolist(), b.tolist()) == ([-2.0], [-1.0])
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert a.grad is None
    assert repr(optimizer).startswith("SGD(lr=2.0, momentum=0.0")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([]), ValueError, "got no parameters"),
        (lambda p: SGD([p, p]), ValueError, "in two groups"),
        (lambda p: SGD([p * 2]), ValueError, "leaf tensors"),
        (lambda p: SGD([3.0]), TypeError, "trains tensors, not float"),
        (lambda p: SGD([p], lr=-1), ValueError, "lr must be 0 or more, not -1"),
        (lambda p: SGD([p], nesterov=True), ValueError, "nesterov needs"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), ValueError, "betas must lie"),
        (lambda p: Adam([p], eps=math.nan), ValueError, "eps must be"),
        (lambda p: Adam([{"params": [p], "momentum": 1}]), ValueError, "no setting 'momentum'"),
    ],
)
def test_what_cannot_be_trained_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make(nn.Parameter(vidya.ones(1)))


@pytest.mark.parametrize("name", CASES)
def test_saved_state_goes_on_to_the_bit(name, device):
    rng = np.random.default_rng(2)
    grads = rng.normal(size=(STEPS, 3)).astype(np.float32)

    def advance(param, optimizer, some):
        for g in some:
            param.grad = vidya.tensor(g, device=device)
            optimizer.step()

    param = nn.Parameter(vidya.ones(3, device=device))
    optimizer = CASES[name][0]([param])
    advance(param, optimizer, grads[:3])
    copy = nn.Parameter(param.detach().clone())
    resumed = CASES[name][0]([copy])
    resumed.param_groups[0]["lr"] = 99.0
    resumed.load_state_dict(optimizer.state_dict())
    advance(param, optimizer, grads[3:])
    advance(copy, resumed, grads[3:])
    assert copy.tolist() == param.tolist()


def test_state_of_another_optimizer_is_refused():
    param = nn.Parameter(vidya.ones(3))
    optimizer = Adam([param])
    param.grad = vidya.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    with pytest.raises(CheckpointError, match="no 'momentum': it is not of SGD"):
        SGD([param]).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"groups of \[1\] parameters, not \[2\]"):
        Adam([param, nn.Parameter(vidya.ones(1))]).load_state_dict(state)
    state["state"][0]["exp_avg"] = vidya.ones(4)
    with pytest.raises(
        CheckpointError, match=r"exp_avg of parameter 0 is \[4\], the parameter \[3\]"
    ):
        optimizer.load_state_dict(state)
    del state["state"][0]["exp_avg"]
    with pytest.raises(CheckpointError, match="it is not of Adam"):
        optimizer.load_state_dict(state)


# ---- schedules ----


def test_schedules_at_their_corners():
    assert [schedules.constant(s) for s in (0, 9)] == [1, 1]
    assert [schedules.linear(s, 10) for s in (0, 3, 10, 99)] == [1, 1 - 3 / 10, 0, 0]
    assert schedules.linear(10, 10, end=0.1) == pytest.approx(0.1)
    cosine = [schedules.cosine(s, total=110, warmup=10) for s in (0, 9, 10, 60, 110, 200)]
    assert cosine == pytest.approx([0.1, 1, 1, 0.5, 0, 0])
    assert schedules.cosine(110, 110, 10, end=0.2) == pytest.approx(0.2)
    warmdown = [schedules.warmdown(s, 100, fraction=0.4) for s in (0, 60, 80, 100)]
    assert warmdown == pytest.approx([1, 1, 0.5, 0])
    assert schedules.warmdown(99, 100, fraction=0) == 1
    assert schedules.warmdown(100, 100, 0.5, end=0.1) == pytest.approx(0.1)


def test_lambda_lr_scales_each_group():
    a, b = nn.Parameter(vidya.zeros(1)), nn.Parameter(vidya.zeros(1))
    optimizer = SGD([{"params": [a]}, {"params": [b], "lr": 10.0}], lr=1.0)
    scheduler = LambdaLR(optimizer, lambda step: schedules.linear(step, 4))
    assert scheduler.get_last_lr() == [1.0, 10.0]
    scheduler.step()
    assert scheduler.get_last_lr() == [0.75, 7.5]
    saved = scheduler.state_dict()
    scheduler.step()
    again = LambdaLR(optimizer, [lambda step: schedules.linear(step, 4)] * 2)
    again.load_state_dict(saved)
    assert again.get_last_lr() == [0.75, 7.5]
    with pytest.raises(ValueError, match="1 schedules for 2"):
        LambdaLR(optimizer, [schedules.constant])


# ---- clipping ----


def grads_of(*values, device=None):
    params = []
    for value in values:
        param = nn.Parameter(vidya.zeros(len(value), device=device))
        param.grad = vidya.tensor(value, device=device)
        params.append(param)
    return [*params, nn.Parameter(vidya.zeros(1))]  # one without a gradient


@pytest.mark.parametrize(
    ("norm_type", "norm"), [(2.0, 5.0), (1.0, 7.0), (math.inf, 4.0), (3.0, 91 ** (1 / 3))]
)
def test_clip_grad_norm_scales_all_by_one_factor(device, norm_type, norm):
    params = grads_of([3.0, 0.0], [-4.0], device=device)
    assert clip_grad_norm_(params, 1.0, norm_type).item() == pytest.approx(norm, rel=1e-6)
    assert params[0].grad.tolist() == pytest.approx([3 / norm, 0], rel=1e-5)
    assert params[1].grad.tolist() == pytest.approx([-4 / norm], rel=1e-5)
    assert clip_grad_norm_(params, 100.0, norm_type).item() == pytest.approx(1.0, rel=1e-5)
    assert params[1].grad.tolist() == pytest.approx([-4 / norm], rel=1e-5)


def test_clip_grad_norm_of_nothing_and_of_nan():
    assert clip_grad_norm_([nn.Parameter(vidya.zeros(1))], 1.0).item() == 0
    params = grads_of([math.nan])
    assert math.isnan(clip_grad_norm_(params, 1.0).item())
    with pytest.raises(TrainingError, match="the norm of the gradients is nan"):
        clip_grad_norm_(grads_of([math.nan]), 1.0, error_if_nonfinite=True)


def test_clip_grad_value_brings_elements_into_range(device):
    params = grads_of([3.0, -0.5, -7.0], device=device)
    clip_grad_value_(params, 1.0)
    assert params[0].grad.tolist() == [1.0, -0.5, -1.0]
