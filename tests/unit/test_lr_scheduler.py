"""Schedulers give PyTorch's rates, eagerly and within a compiled step, and go on from a state."""

from __future__ import annotations

import math

import pytest
import vidya
from vidya.optim import SGD, lr_scheduler

ALL = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, lambda i: 0.5 ** (i // 3)),
    ("MultiStepLR", {"milestones": [2, 7]}, lambda i: 0.1 ** ((i >= 2) + (i >= 7))),
    ("ExponentialLR", {"gamma": 0.9}, lambda i: 0.9**i),
    ("LinearLR", {"start_factor": 0.25, "total_iters": 4}, lambda i: 0.25 + 0.75 * min(i, 4) / 4),
    (
        "CosineAnnealingLR",
        {"T_max": 6, "eta_min": 0.0},
        lambda i: (1 + math.cos(math.pi * i / 6)) / 2,
    ),
]
STEPS = 14


def optimizer(device="numpy"):
    first, second = (vidya.ones(2, device=device).requires_grad_() for _ in range(2))
    return SGD([{"params": [first]}, {"params": [second], "lr": 0.02}], lr=0.4)


@pytest.mark.parametrize("name, settings, factor", ALL, ids=[row[0] for row in ALL])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_rate_at_each_step(device, name, settings, factor, compiled):
    opt = optimizer(device)
    scheduler = getattr(lr_scheduler, name)(opt, **settings)
    weight = opt.param_groups[0]["params"][0]

    def step():
        opt.zero_grad()
        weight.sum().backward()
        opt.step()
        scheduler.step()

    run, left = vidya.compile(step) if compiled else step, 1.0
    for i in range(STEPS):
        wanted = [0.4 * factor(i), 0.02 * factor(i)]
        assert scheduler.get_last_lr() == pytest.approx(wanted)
        run()
        left -= wanted[0]
        assert weight.tolist() == pytest.approx([left] * 2, abs=1e-5)
    again = getattr(lr_scheduler, name)(optimizer(device), **settings)
    again.load_state_dict(scheduler.state_dict())
    assert again.get_last_lr() == scheduler.get_last_lr()


@pytest.mark.parametrize("name, settings, factor", ALL, ids=[row[0] for row in ALL])
def test_the_rates_are_pytorch_s(name, settings, factor):
    torch = pytest.importorskip("torch")
    settings = {**settings, "eta_min": 0.03} if "eta_min" in settings else settings
    ours = getattr(lr_scheduler, name)(optimizer(), **settings)
    groups = [{"params": [torch.ones(1, requires_grad=True)], "lr": lr} for lr in (0.4, 0.02)]
    there = torch.optim.SGD(groups)
    theirs = getattr(torch.optim.lr_scheduler, name)(there, **settings)
    for _ in range(STEPS):
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), abs=1e-9)
        ours.step()
        there.step()
        theirs.step()


def test_factors_out_of_range():
    with pytest.raises(ValueError, match="LinearLR: factors are above 0"):
        lr_scheduler.LinearLR(optimizer(), start_factor=0.0)
