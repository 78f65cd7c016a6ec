"""Writing in place where gradients are recorded: as if every tensor had been made anew."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
import vidya.nn.functional as F
from vidya import nn
from vidya.errors import AutogradError, TraceError

rng = np.random.default_rng(0)
A, B = rng.uniform(0.5, 1.5, (2, 3, 4)).astype("f4")
V = rng.uniform(0.5, 1.5, 3).astype("f4")
MASK = np.array([[1, 0, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]], bool)


def zeros(like, *shape):
    return vidya.zeros(*shape, device=like.device)


def mask_of(a):
    return vidya.tensor(MASK, device=a.device)


# ---- each program twice: as users write it, and without a write ----


def arithmetic(a, b, v):
    h = a * b
    h += b
    h -= 0.5
    h.mul_(b)
    h *= v.sum()
    h /= 2
    return h


def arithmetic_pure(a, b, v):
    return (a * b + b - 0.5) * b * v.sum() / 2


def activations(a, b, v):
    h = a * b - 1
    h.relu_()
    h.add_(a).exp_().tanh_()
    h.clamp_(min=0.97)
    return F.leaky_relu(F.silu(h, inplace=True), inplace=True)


def activations_pure(a, b, v):
    h = ((a * b - 1).relu() + a).exp().tanh().clamp(min=0.97)
    return F.leaky_relu(F.silu(h))


def layers(a, b, v):
    layer = nn.Sequential(nn.ReLU(inplace=True), nn.Hardtanh(-0.2, 0.9, inplace=True))
    return F.relu6(layer(a * b - 1), inplace=True)


def layers_pure(a, b, v):
    return F.relu6(F.hardtanh(F.relu(a * b - 1), -0.2, 0.9))


def boxes(a, b, v):
    buffer = zeros(a, 3, 4)
    for i in range(4):
        buffer[:, i] = v * a[:, i] + i
    buffer[1] = b[2] * v[0]
    buffer[0, 2] = v[1]
    buffer[2, 1:3] = 3.0
    return buffer


def boxes_pure(a, b, v):
    columns = vidya.stack([v * a[:, i] + i for i in range(4)], 1)
    first = vidya.cat([columns[0, :2], v[1:2], columns[0, 3:]])
    last = vidya.cat([columns[2, :1], zeros(a, 2) + 3, columns[2, 3:]])
    return vidya.stack([first, b[2] * v[0], last])


def masks(a, b, v):
    h = a * b
    h[mask_of(a)] = 0
    h[mask_of(a)[:, 0]] = v[0] + 1
    h.masked_fill_(h > 1.9, 1.5)
    return h


def masks_pure(a, b, v):
    h = vidya.where(mask_of(a), 0.0, a * b)
    h = vidya.where(mask_of(a)[:, :1], v[0] + 1, h)
    return vidya.where(h > 1.9, 1.5, h)


def indexed(a, b, v):
    h = a * b
    h[[0, 2], [1, 3]] = v[:2]
    h.index_add_(0, vidya.tensor([1, 1], device=a.device), a[:2])
    return h


def indexed_pure(a, b, v):
    h = vidya.stack([a[0] * b[0], a[1] * b[1] + a[0] + a[1], a[2] * b[2]])
    left = vidya.cat([h[0, :1], v[:1], h[0, 2:]])
    return vidya.stack([left, h[1], vidya.cat([h[2, :3], v[1:2]])])


def overwritten(a, b, v):
    h = (a * b).exp_()
    h.zero_()
    h += a
    h[:] = h + b
    h.copy_(h + v.unsqueeze(1))
    return h


def overwritten_pure(a, b, v):
    return a + b + v.unsqueeze(1)


def narrow_type(a, b, v):
    buffer = vidya.zeros(3, 4, dtype=vidya.float64, device=a.device)
    buffer[0] = v[0]
    buffer.add_(b)
    return buffer.float()


def narrow_type_pure(a, b, v):
    return vidya.cat([v[0].expand(1, 4), zeros(a, 2, 4)]) + b


def through_views(a, b, v):
    h = a * b
    row, flat, turned = h[1], h.view(12), h.t()
    row.mul_(v[0])
    flat[3:7] *= 2
    turned[0].add_(v)
    h.reshape(3, 2, 2)[:, 1] -= 1
    return h + row * flat[:4] + turned.t()


def through_views_pure(a, b, v):
    h = vidya.stack([a[0] * b[0], a[1] * b[1] * v[0], a[2] * b[2]])
    flat = h.reshape(12)
    h = vidya.cat([flat[:3], flat[3:7] * 2, flat[7:]]).reshape(3, 4)
    h = vidya.cat([h[:, :1] + v.unsqueeze(1), h[:, 1:]], 1)
    h = vidya.cat([h[:, :2], h[:, 2:] - 1], 1)
    return h + h[1] * h[0] + h


def view_of_a_view(a, b, v):
    h = a * b
    lower = h[1:]
    column = lower[:, 2]
    column.copy_(v[1:] * 2)
    h.add_(1)
    return h * vidya.cat([v[:1], column * lower[:, 0]]).unsqueeze(1)


def view_of_a_view_pure(a, b, v):
    h = a * b
    h = vidya.cat([h[:, :2], vidya.cat([h[:1, 2], v[1:] * 2]).unsqueeze(1), h[:, 3:]], 1) + 1
    return h * vidya.cat([v[:1], h[1:, 2] * h[1:, 0]]).unsqueeze(1)


def view_made_before(a, b, v):
    buffer = zeros(a, 3, 4)
    early = buffer[1]
    buffer[0] = v[0] * b[0]
    buffer[1].add_(a[1])
    return buffer + early


def view_made_before_pure(a, b, v):
    return vidya.stack([v[0] * b[0], a[1], zeros(a, 4)]) + a[1]


PROGRAMS = {
    name: (function, globals()[f"{name}_pure"])
    for name, function in list(globals().items())
    if f"{name}_pure" in globals()
}
WITH_VIEWS = ("through_views", "view_of_a_view", "view_made_before")


def leaves(device):
    return [vidya.tensor(x, device=device).requires_grad_() for x in (A, B, V)]


def gradients(function, tensors):
    y = function(*tensors)
    total = (y * y * tensors[1].detach()).sum()
    return (y.detach(), *vidya.autograd.grad(total, tensors, allow_unused=True))


def same(found, wanted):
    for got, want in zip(found, wanted, strict=True):
        # what was overwritten has a gradient of zeros, or none
        got = np.zeros(1) if got is None else got.numpy()
        np.testing.assert_allclose(got, np.zeros(1) if want is None else want.numpy(), 1e-5, 1e-6)


@pytest.fixture
def program(request, device):
    if request.param in WITH_VIEWS and not vidya.device(device).core.strided:
        pytest.skip("views are copies there")
    if request.param == "narrow_type" and device == "tile":
        pytest.skip("it has one width of numbers")
    return PROGRAMS[request.param]


@pytest.mark.parametrize("program", PROGRAMS, indirect=True)
def test_gradients_are_those_of_the_pure_program(program, device):
    written, pure = program
    same(gradients(written, leaves(device)), gradients(pure, leaves(device)))


@pytest.mark.parametrize("program", PROGRAMS, indirect=True)
def test_compiled(program, device):
    written, pure = program
    step = vidya.compile(lambda *tensors: gradients(written, tensors))
    for _ in range(2):
        same(step(*leaves(device)), gradients(pure, leaves(device)))


@pytest.mark.parametrize("program", ["arithmetic", "boxes", "through_views"], indirect=True)
def test_of_second_order(program, device):
    def second(function):
        a, b, v = leaves(device)
        (g,) = vidya.autograd.grad((function(a, b, v) ** 3).sum(), [a], create_graph=True)
        return vidya.autograd.grad((g * g).sum(), [a, b, v], allow_unused=True)

    written, pure = program
    for got, want in zip(second(written), second(pure), strict=True):
        if want is not None:
            np.testing.assert_allclose(got.numpy(), want.numpy(), 1e-4, 1e-5)


def test_it_is_the_same_memory(device):
    (a, _, _) = leaves(device)
    h = a * 2
    again = h
    h += 1
    assert h is again
    assert h.requires_grad and not h.is_leaf


def test_a_buffer_gains_a_history(device):
    (a, _, _) = leaves(device)
    buffer = zeros(a, 3, 4)
    assert buffer.is_leaf and not buffer.requires_grad
    buffer[0] = a[0]
    assert buffer.requires_grad and not buffer.is_leaf


def test_a_leaf_is_written_only_without_gradients(device):
    (a, _, _) = leaves(device)
    for write in (lambda: a.add_(1), lambda: a.relu_(), lambda: F.relu(a, inplace=True)):
        with pytest.raises(AutogradError, match="leaf that requires grad"):
            write()
    with pytest.raises(AutogradError, match="leaf that requires grad"):
        a[0] = 1.0
    with vidya.no_grad():
        a.add_(1)
        a[0] = 1.0
    assert a.is_leaf and a.requires_grad


def test_nor_a_view_of_one(device):
    (a, _, _) = leaves(device)
    if not vidya.device(device).core.strided:
        pytest.skip("views are copies there")
    with pytest.raises(AutogradError, match="view of a leaf that requires grad"):
        a[0].mul_(2)
    with vidya.no_grad():
        quiet = a[0]
    with pytest.raises(AutogradError, match="view of a leaf that requires grad"):
        quiet.zero_()


def test_what_backward_needs_and_was_overwritten(device):
    a, b, _ = leaves(device)
    h = a * 2
    y = h * b  # saves h
    h += 1
    with pytest.raises(AutogradError, match=r"backward of mul: .* modified in place"):
        y.sum().backward()
    if vidya.device(device).core.strided:  # through a view as well
        h = a * 2
        y = h.exp() * h
        h[0].zero_()
        with pytest.raises(AutogradError, match="modified in place"):
            y.sum().backward()


def test_so_in_a_compiled_function(device):
    @vidya.compile
    def step(a, b):
        h = a * 2
        y = h * b
        h += 1
        y.sum().backward()

    a, b, _ = leaves(device)
    with pytest.raises(AutogradError, match="modified in place"):
        step(a, b)


def test_a_compiled_function_gives_no_history_to_what_is_outside(device):
    buffer = vidya.zeros(3, 4, device=device)

    @vidya.compile
    def step(a):
        buffer[0] = a[0] * 2
        return buffer.sum()

    (a, _, _) = leaves(device)
    with pytest.raises(TraceError, match="from outside"):
        step(a)
    assert buffer.is_leaf and not buffer.requires_grad


def test_out_is_never_recorded(device):
    a, b, _ = leaves(device)
    with pytest.raises(AutogradError, match="out="):
        vidya.mul(a, b, out=zeros(a, 3, 4))


def test_an_expanded_tensor_is_not_written(device):
    if not vidya.device(device).core.strided:
        pytest.skip("views are copies there")
    with pytest.raises(ValueError, match="share memory"):
        vidya.zeros(3, 1, device=device).expand(3, 4).add_(1)


def test_a_detached_tensor_is_apart(device):
    a, b, _ = leaves(device)
    h = a * b
    cut = h.detach()
    if vidya.device(device).core.strided:
        cut.zero_()
        assert float(h.sum()) == 0
    assert not cut.requires_grad and h.requires_grad
