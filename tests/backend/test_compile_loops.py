"""A plan run many times in one call."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import vidya
from vidya.errors import TraceError


def data(device, *shape):
    return vidya.tensor(np.random.default_rng(0).normal(size=shape).astype("f4"), device=device)


@pytest.fixture(autouse=True)
def _device_with_loops(device):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no loops")


def test_a_loop_is_the_calls_one_by_one(device):
    total = vidya.zeros(3, device=device)

    @vidya.compile
    def step(x, scale):
        total.add_(x * scale)
        return total * 1

    xs = data(device, 5, 3)
    out = step.loop(5, xs, 2.0, stacked=0)
    assert out.shape == (5, 3)
    np.testing.assert_allclose(out.numpy(), np.cumsum(xs.numpy() * 2, 0), rtol=1e-6)


def test_a_loop_refuses_arguments_that_get_a_grad(device):
    f = vidya.compile(lambda x: (x * 2).sum().backward())
    x = data(device, 4).requires_grad_()
    with pytest.raises(TraceError, match="taking it as an argument"):
        f.loop(3, x)


@pytest.mark.parametrize("kernels", [1, 400])
def test_ctrl_c_ends_a_loop(device, kernels):
    """Between runs: after some of a small plan, and after any of a large one."""
    total = vidya.zeros(3, dtype=vidya.int64, device=device)

    @vidya.compile(passes=())
    def step():
        for _ in range(kernels):
            total.add_(1)

    step()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)  # without a terminal
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            step.loop(1_000_000_000)  # longer than anybody waits
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    seen = total.tolist()
    step()
    assert total.tolist() == [x + kernels for x in seen]
