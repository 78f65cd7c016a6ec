"""Autograd on every device: what backward does, what it keeps, what it refuses."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import vidya
from vidya.autograd import once_differentiable
from vidya.errors import AutogradError


def leaf(device, *values):
    return vidya.tensor(values, device=device, dtype=vidya.float32, requires_grad=True)


def test_gradients_add_up_and_shared_paths_count_twice(device):
    x = leaf(device, 1.0, 2.0, 3.0)
    (x * x + x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [3, 5, 7])
    (2 * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [5, 7, 9])


def test_two_leaves_never_share_the_memory_of_a_gradient(device):
    x, y = leaf(device, 1.0, 2.0), leaf(device, 3.0, 4.0)
    (x + y).backward(vidya.ones(2, device=device))
    x.grad.mul_(10)
    np.testing.assert_allclose(y.grad.numpy(), [1, 1])


def test_a_graph_serves_once_unless_it_is_retained(device):
    x = leaf(device, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), [8])
    with pytest.raises(AutogradError, match="retain_graph=True"):
        y.backward()


def test_gradients_of_gradients(device):
    x = leaf(device, 1.0, 2.0)
    (g,) = vidya.grad((x**3).sum(), x, create_graph=True)
    (h,) = vidya.grad(g.sum(), x, create_graph=True)
    (third,) = vidya.grad(h.sum(), x)
    np.testing.assert_allclose(g.detach().numpy(), [3, 12], rtol=1e-6)
    np.testing.assert_allclose(h.detach().numpy(), [6, 12], rtol=1e-6)
    np.testing.assert_allclose(third.numpy(), [6, 6], rtol=1e-6)
    assert x.grad is None


def test_grad_of_results_in_between(device):
    x = leaf(device, 1.0, 2.0)
    y = x * 3
    (gy,) = vidya.grad((y * y).sum(), y)
    np.testing.assert_allclose(gy.numpy(), [6, 12])


def test_inputs_that_are_not_used(device):
    x, y = leaf(device, 1.0), leaf(device, 2.0)
    with pytest.raises(AutogradError, match="allow_unused"):
        vidya.grad((x * 2).sum(), y)
    assert vidya.grad((x * 2).sum(), [x, y], allow_unused=True)[1] is None


def test_only_a_single_number_starts_alone(device):
    x = leaf(device, 1.0, 2.0)
    with pytest.raises(AutogradError, match=r"\(2,\).*gradient="):
        (x * 2).backward()
    with pytest.raises(AutogradError, match="no history"):
        vidya.ones(1, device=device).backward()
    with pytest.raises(ValueError, match="must have the tensor's shape"):
        (x * 2).backward(vidya.ones(3, device=device))


def test_no_grad_and_detach_leave_no_history(device):
    x = leaf(device, 1.0, 2.0)
    with vidya.no_grad():
        assert not (x * 2).requires_grad
        with vidya.enable_grad():
            assert (x * 2).requires_grad
    assert not x.detach().requires_grad and not (x.detach() * 2).requires_grad
    assert (x.detach() * x).requires_grad


def test_hooks_see_and_replace_gradients(device):
    x = leaf(device, 1.0, 2.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.numpy().copy()))
    handle = x.register_hook(lambda g: g * 10)
    y.sum().backward()
    np.testing.assert_allclose(seen, [[1, 1]])
    np.testing.assert_allclose(x.grad.numpy(), [20, 20])
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2, 2])


def test_retain_grad(device):
    x = leaf(device, 1.0, 2.0)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), [6, 12])


def test_a_leaf_is_written_without_gradients_only(device):
    x = leaf(device, 1.0, 2.0)
    with pytest.raises(AutogradError, match=r"vidya\.no_grad\(\)"):
        x.add_(1)
    with vidya.no_grad():
        x.add_(1)
    np.testing.assert_allclose(x.detach().numpy(), [2, 3])


def test_a_value_that_backward_needs_must_not_change(device):
    x, w = leaf(device, 1.0, 2.0), vidya.ones(2, device=device)
    y = (x * w).sum()
    w.add_(1)
    with pytest.raises(AutogradError, match=r"mul: .*modified in place"):
        y.backward()


def test_a_function_of_ones_own(device):
    class Cube(vidya.autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.save_for_backward(x)
            ctx.scale = scale
            return x * x * x * scale

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * ctx.scale * x * x * g, None

    x = leaf(device, 1.0, 2.0)
    Cube.apply(x, 2.0).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [6, 24])


class Twice(vidya.autograd.Function):
    """2 x, with a backward that each test sets."""

    answer = None

    @staticmethod
    def forward(ctx, x, y=None):
        return x * 2

    @classmethod
    def backward(cls, ctx, g):
        return cls.answer(g)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda g: g, AutogradError, "Twice.backward returned 1 gradients, but .* takes 2 arg"),
        (lambda g: (g[0], None), ValueError, r"argument 0 has shape \(\), the argument \(2,\)"),
        (lambda g: ("g", None), TypeError, "argument 0 must be a Tensor or None, not str"),
    ],
)
def test_what_backward_must_return(device, answer, error, text):
    x = leaf(device, 1.0, 2.0)
    y = Twice.apply(x, 3)
    Twice.answer = answer
    with pytest.raises(error, match=text):
        y.sum().backward()


def test_a_gradient_of_what_was_broadcast_is_summed(device):
    x = leaf(device, 1.0, 2.0)
    Twice.answer = lambda g: (g.expand(3, 2) * 2, None, None)
    Twice.apply(x, None).sum().backward()
    assert x.grad.tolist() == [6, 6]


def test_results_without_gradient(device):
    class Parts(vidya.autograd.Function):
        @staticmethod
        def forward(x):
            return x * 3, x.floor(), x.long(), None

        @staticmethod
        def setup_context(ctx, inputs, output):
            assert inputs[0].shape == output[0].shape
            ctx.mark_non_differentiable(output[1])
            ctx.set_materialize_grads(False)

        @staticmethod
        def backward(ctx, *grads):
            assert [g is None for g in grads] == [False, True, True, True]
            return grads[0] * 3

    x = leaf(device, 1.5, 2.5)
    y, floor, whole, nothing = Parts.apply(x)
    assert y.requires_grad and not floor.requires_grad and not whole.requires_grad
    assert nothing is None
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_once_differentiable(device):
    class Square(vidya.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x = leaf(device, 3.0)
    (dx,) = vidya.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    assert dx.tolist() == [6]
    with pytest.raises(AutogradError, match="once_differentiable"):
        dx.sum().backward()


def test_writing_into_arguments_is_refused(device):
    class Add(vidya.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)

    with pytest.raises(AutogradError, match="return new tensors"):
        Add.apply(leaf(device, 1.0))


def test_a_scope_frees_what_it_does_not_keep(device):
    gc.collect()
    x = leaf(device, *range(256))
    before = vidya.memory_stats(device)["live_bytes"]
    with vidya.scope() as s:
        lost = x * 2
        kept = s.keep((x * x).sum())
    with pytest.raises(AutogradError, match="scope ended"):
        lost + 1
    assert vidya.memory_stats(device)["live_bytes"] - before < 512
    kept.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.arange(256))


def test_a_scope_keeps_gradients_and_optimizer_state(device):
    x = vidya.nn.Parameter(vidya.ones(3, device=device))
    optimizer = vidya.optim.Adam([x], lr=0.1)
    for _ in range(3):
        with vidya.scope():
            optimizer.zero_grad()
            (x * x).sum().backward()
            optimizer.step()
    assert np.all(x.detach().numpy() < 0.8) and x.grad is not None


def test_a_long_chain_is_freed_without_recursion(device):
    x = leaf(device, 1.0)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), [1])
    del y
