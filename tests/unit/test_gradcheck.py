"""gradcheck finds a gradient that is wrong, and only that."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.testing import gradcheck, gradgradcheck


def leaf(*shape, seed=0):
    values = np.random.default_rng(seed).uniform(0.5, 2, shape)
    return vidya.tensor(values, device="numpy").requires_grad_()


def detached_half(x):
    """x * x whose gradient says x: one of the two factors is hidden from it."""
    return x * x.detach()


def test_right_gradients_pass():
    x, y = leaf(2, 3), leaf(3, seed=1)
    assert gradcheck(lambda a, b: a / b, (x, y))
    assert gradcheck(lambda a: (a.exp(), a.sum(0)), x)
    assert gradgradcheck(lambda a, b: a / b, (x, y))
    assert gradgradcheck(lambda a: a * a * a, x)


def test_a_wrong_gradient_is_found_and_said_where():
    x = leaf(3)
    with pytest.raises(AssertionError, match=r"d output 0\[0\] / d input 0\[0\]"):
        gradcheck(detached_half, (x,))
    assert gradcheck(detached_half, (x,), raise_exception=False) is False


def test_a_wrong_second_gradient_is_found():
    # d/dx is 2 x at this x, but as a function of x it is x + constant
    constant = leaf(3).detach()

    with pytest.raises(AssertionError):
        gradgradcheck(lambda x: x * x.detach() + x * constant, (leaf(3),))


def test_complex_gradients_have_the_conjugate():
    values = np.random.default_rng(0).uniform(0.5, 2, (2, 3)) * (1 + 0.5j)
    z = vidya.tensor(values, device="numpy").requires_grad_()
    assert gradcheck(lambda a: (a * a, a.abs()), z)
    assert gradgradcheck(lambda a: a.conj() * a * a, z)

    class NotConjugated(vidya.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    with pytest.raises(AssertionError):
        gradcheck(NotConjugated.apply, z)


def test_only_inputs_that_require_grad_are_checked():
    x, frozen = leaf(2), leaf(2, seed=1).detach()
    assert gradcheck(lambda a, b: a * b, (x, frozen))
    with pytest.raises(ValueError, match="no input requires grad"):
        gradcheck(lambda a: a, (frozen,))


def test_inputs_of_lower_precision_are_refused():
    x = vidya.ones(2, dtype=vidya.float32, device="numpy").requires_grad_()
    with pytest.raises(ValueError, match="float32; convert it to float64"):
        gradcheck(lambda a: a, (x,))
