"""What a compiled function writes to tensors from outside, and what passes may not take away."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.errors import AutogradError


def full(device, value, n=3):
    return vidya.full((n,), value, device=device)


def test_a_constant_is_written(device):
    """Folding what is known when the plan is made leaves the write."""
    state = full(device, 5.0)

    def f(x):
        before = state * 2
        state.zero_()
        return before + x

    f = vidya.compile(f)
    for wanted in (11.0, 1.0):
        np.testing.assert_array_equal(f(full(device, 1.0)).numpy(), [wanted] * 3)
        np.testing.assert_array_equal(state.numpy(), [0, 0, 0])
    state.fill_(4.0)
    np.testing.assert_array_equal(f(full(device, 1.0)).numpy(), [9.0] * 3)


@pytest.mark.parametrize("value", [lambda x: x, lambda x: x * 2, lambda x: x.new_zeros(3) + 7])
def test_the_same_is_written_to_two_tensors(device, value):
    """Computing equal things once leaves both writes."""
    a, b = full(device, 0.0), full(device, 0.0)

    def f(x):
        a.copy_(value(x))
        b.copy_(value(x))
        return a + b

    x = full(device, 3.0)
    wanted = value(x).numpy()
    np.testing.assert_array_equal(vidya.compile(f)(x).numpy(), 2 * wanted)
    np.testing.assert_array_equal(a.numpy(), wanted)
    np.testing.assert_array_equal(b.numpy(), wanted)


def times_ten(b):
    b.mul_(10)


def through_a_view(b):
    b[:1].fill_(3)


def over(b):
    b.copy_(b.sin())


READS = {"whole": lambda b: b, "slice": lambda b: b[:1], "reshaped": lambda b: b.unsqueeze(0)}


@pytest.mark.parametrize("write", [times_ten, through_a_view, over])
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("argument", [True, False])
def test_what_backward_needs_may_not_be_overwritten_before_it(device, write, read, argument):
    if not vidya.device(device).core.strided and (write is through_a_view or read != "whole"):
        pytest.skip("a view there is a copy")
    b, w = full(device, 4.0), full(device, 2.0).requires_grad_()

    def f(b):
        y = w * READS[read](b)
        write(b)
        y.sum().backward()

    compiled = vidya.compile(f) if argument else vidya.compile(lambda: f(b))
    with pytest.raises(AutogradError, match="modified in place"):
        compiled(*[b] * argument)
    assert w.grad is None
