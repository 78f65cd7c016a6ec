"""AdamW's steps of all parameters are one kernel, where the device has it."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.compile.pipeline import PASSES
from vidya.optim import Adam, AdamW

OFF = [name for name in PASSES if name != "steps"]
SHAPES = [(3, 5), (40, 70), (1,), (2000,), (0, 4), (7,)]


def trained(device, make, passes=None, steps=4):
    """(parameters after some steps, the plan's entry)"""
    rng = np.random.default_rng(0)
    params = [
        vidya.tensor(rng.normal(size=s), device=device, dtype=vidya.float32).requires_grad_()
        for s in SHAPES
    ]
    optimizer = make(params)

    def step(scale):
        optimizer.zero_grad()
        loss = sum(((p * scale).square().sum() for p in params), scale.sum())
        loss.backward()
        optimizer.step()
        return loss

    compiled = vidya.compile(step, passes=passes)
    scale = vidya.ones(1, device=device)
    for i in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 * (i + 1)
        compiled(scale)
    (entry,) = compiled.entries.values()
    return [p.detach().numpy() for p in params], entry


def groups(params):
    settings = {"lr": 0.02, "weight_decay": 0.1}
    return AdamW([{"params": params[:2]}, {"params": params[2:], **settings}], lr=0.01)


@pytest.mark.parametrize(
    "make, kernels",
    [(lambda p: AdamW(p, lr=0.01), 1), (lambda p: Adam(p, lr=0.01, weight_decay=0.1), 1),
     (groups, 2)],
    ids=["AdamW", "Adam", "groups"],
)  # fmt: skip
def test_the_numbers_are_the_same(device, make, kernels):
    wanted, plain = trained(device, make, OFF)
    got, entry = trained(device, make)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    made = [node.op for node in entry.capture.nodes]
    before = [node.op for node in plain.capture.nodes]
    if "adamw_steps" in made:
        assert made.count("adamw_steps") == kernels and "adamw_step" not in made
        assert entry.saved["steps"] == before.count("adamw_step") - kernels
    else:
        assert made == before


def test_a_step_that_needs_another_one_waits(device):
    """Steps of one parameter after each other, as with two optimizers."""
    first = vidya.full((4, 300), 2.0, device=device).requires_grad_()
    optimizers = [AdamW([first], lr=0.1), AdamW([first], lr=0.1)]

    def step(x):
        for optimizer in optimizers:
            optimizer.zero_grad()
        (first * x).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
        return first * 1

    x = vidya.ones(4, 300, device=device)
    got = vidya.compile(step)(x).detach().numpy()
    np.testing.assert_allclose(got, np.full((4, 300), 2 * 0.999**2 - 0.1 * 0.999 - 0.1), rtol=1e-5)
