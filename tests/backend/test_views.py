"""Views and writes: what shares memory, what is seen through it, and what autograd forbids."""

from __future__ import annotations

import operator

import numpy as np
import pytest
import vidya
from vidya.errors import AutogradError

A = np.arange(12, dtype=np.float32).reshape(3, 4)

VIEWS = {
    "transpose": (lambda x: x.transpose(0, 1), lambda a: a.T),
    "view": (lambda x: x.view((2, 6)), lambda a: a.reshape(2, 6)),
    "reshape": (lambda x: x.reshape((4, 3)), lambda a: a.reshape(4, 3)),
    "slice": (lambda x: x[1:, ::2], lambda a: a[1:, ::2]),
    "reversed": (lambda x: x[::-1, 1:], lambda a: a[::-1, 1:]),
    "row": (lambda x: x[1], lambda a: a[1]),
    "of a view": (lambda x: x[1:].transpose(0, 1)[::3], lambda a: a[1:].T[::3]),
    "unsqueezed": (lambda x: x.unsqueeze(1).flatten(1)[:, 2], lambda a: a[:, 2]),
}


@pytest.fixture
def x(device):
    return vidya.tensor(A, device=device)


@pytest.fixture
def strided(device):
    return vidya.device(device).core.strided


def strided_only(device):
    if not vidya.device(device).core.strided:
        pytest.skip("views are copies on this device")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_its_base_and_writes_through(device, x, name):
    strided_only(device)
    take, oracle = VIEWS[name]
    a, view = A.copy(), take(x)
    assert view.tolist() == oracle(a).tolist()
    x[1, 2] = 99
    a[1, 2] = 99
    assert view.tolist() == oracle(a).tolist()
    view.mul_(2)
    oracle(a)[...] *= 2
    assert x.tolist() == a.tolist()


def test_a_write_to_a_view_that_is_a_copy_is_refused(device, x, strided):
    if strided:
        pytest.skip("views share memory on this device")
    with pytest.raises(AutogradError, match="would not reach its base"):
        x[1:].fill_(0)
    assert x.tolist() == A.tolist()


WRITES = {
    "number": (np.s_[1], 7),
    "column": (np.s_[:, 1], np.float32([5, 6, 7])),
    "steps": (np.s_[::2, 1::2], np.float32([[1], [2]])),
    "backwards": (np.s_[::-1], A * 3),
    "ellipsis": (np.s_[..., -1], 0),
    "mask": (A > 5, -1),
    "indices": (np.array([2, 0]), np.float32([9, 8, 7, 6])),
    "pairs": ((np.array([0, 2]), np.array([3, 1])), np.float32([-1, -2])),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing_by_index(device, x, name):
    key, value = WRITES[name]
    a = A.copy()
    a[key] = value

    def place(item):
        return vidya.tensor(item, device=device) if isinstance(item, np.ndarray) else item

    x[tuple(map(place, key)) if isinstance(key, tuple) else place(key)] = place(value)
    assert x.tolist() == a.tolist()


def test_a_tensor_may_be_written_over_itself(device):
    x = vidya.arange(6, device=device)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3, 4]
    x[:] = x.flip((0,))
    assert x.tolist() == [4, 3, 2, 1, 0, 0]


@pytest.mark.parametrize(
    ("key", "source"),
    [
        (slice(1, None), slice(None, -1)),
        (slice(None, -3), slice(3, None)),
        (slice(None, None, -1), slice(None)),
    ],
)
@pytest.mark.parametrize("shape", [(1000,), (40, 50), (3, 70, 5)])
def test_writes_whose_two_sides_overlap(device, shape, key, source):
    """As if the right side had been copied first, by assignment and by an operator."""
    key, source = (..., key), (..., source)
    a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    x = vidya.tensor(a, device=device)
    for _ in range(2):
        x[key], a[key] = x[source], a[source].copy()
        assert x.tolist() == a.tolist()
        x[key] += x[source]
        a[key] += a[source].copy()
        assert x.tolist() == a.tolist()


def test_operators_in_place(device, x):
    a = A.copy()
    before = x
    for write in (operator.iadd, operator.imul, operator.isub, operator.itruediv):
        x, a = write(x, 3), write(a, 3)
    assert x is before and x.tolist() == a.tolist()
    x.copy_(vidya.ones(4, device=device))
    assert x.tolist() == np.ones((3, 4)).tolist()
    assert x.zero_() is x and x.tolist() == np.zeros((3, 4)).tolist()


def test_view_never_copies(device, x, strided):
    if strided:
        with pytest.raises(ValueError, match=r"\(4, 3\).*use reshape"):
            x.transpose(0, 1).view((12,))
    assert x.transpose(0, 1).reshape((12,)).tolist() == A.T.ravel().tolist()
    with pytest.raises(ValueError, match=r"3, 4.*5"):
        x.view((5, -1))


def test_detach_shares_memory_and_clone_does_not(device, x):
    strided_only(device)
    shared, own = x.detach(), x.clone()
    x[0, 0] = 55
    assert shared[0, 0].item() == 55 and own[0, 0].item() == 0


def test_empty_has_a_shape_and_memory_to_write_to(device):
    x = vidya.empty(2, 3, device=device)
    assert tuple(x.shape) == (2, 3) and x.dtype is vidya.float32
    assert x.fill_(4).tolist() == [[4.0] * 3] * 2
    assert vidya.empty((0, 3), device=device).tolist() == []


def test_a_leaf_is_written_under_no_grad_only(device):
    w = vidya.ones(3, device=device).requires_grad_()
    with pytest.raises(AutogradError, match="no_grad"):
        w.add_(1)
    with vidya.no_grad():
        w.add_(1)
        w[0] = 9
    assert w.tolist() == [9, 2, 2] and w.requires_grad and w.is_leaf


def test_backward_sees_that_a_saved_tensor_was_overwritten(device):
    w = vidya.ones(3, device=device).requires_grad_()
    y = w * 2
    loss = (y * y).sum()
    with vidya.no_grad():
        y.add_(1)
    with pytest.raises(AutogradError, match="modified in place"):
        loss.backward()


def test_gradients_reach_through_views(device):
    w = vidya.tensor(A, device=device).requires_grad_()
    (
        w[1:, ::2].transpose(0, 1) * vidya.tensor(np.float32([[1, 2], [3, 4]]), device=device)
    ).sum().backward()
    assert w.grad.tolist() == [[0, 0, 0, 0], [1, 0, 3, 0], [2, 0, 4, 0]]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64"])
def test_operands_across_the_walk(device, dtype):
    """Large enough to be copied by tiles first; beside others that are not, or repeat."""
    a = np.arange(3 * 70 * 90).reshape(3, 70, 90) % 61 - 30
    b, row = a.transpose(0, 2, 1)[:, ::-1], a[0, 0, :70]

    def t(array):
        return vidya.tensor(np.ascontiguousarray(array), device=device).to(getattr(vidya, dtype))

    x, y, r = t(a).transpose(1, 2), t(b), t(row)
    wanted = {
        "neg": (-x, -a.transpose(0, 2, 1)),
        "both": (x + x, 2 * a.transpose(0, 2, 1)),
        "mixed": (x - y, a.transpose(0, 2, 1) - b),
        "row": (r + x, a.transpose(0, 2, 1) + row),
        "less": (x < y, a.transpose(0, 2, 1) < b),
        "chosen": (vidya.where(x > 3, x, r), np.where(a > 3, a, row[:, None]).transpose(0, 2, 1)),
        "program": (vidya.addcmul(x, y, r), a.transpose(0, 2, 1) + b * row),
        "cast": (x.to(vidya.float64), a.transpose(0, 2, 1)),
    }
    for name, (found, want) in wanted.items():
        if name == "program" and dtype == "bfloat16":
            want = t(want).to(vidya.float32).numpy()
        found = found if found.dtype is vidya.bool else found.to(vidya.float64)
        np.testing.assert_array_equal(found.numpy(), want, err_msg=name)


def test_fill_diagonal(device):
    tall = vidya.zeros(7, 3, device=device).fill_diagonal_(5)
    assert [i.tolist() for i in tall.nonzero(as_tuple=True)] == [[0, 1, 2], [0, 1, 2]]
    wrapped = vidya.zeros(7, 3, device=device).fill_diagonal_(5, wrap=True)
    assert [i.tolist() for i in wrapped.nonzero(as_tuple=True)] == [
        [0, 1, 2, 4, 5, 6],
        [0, 1, 2] * 2,
    ]
    wide = vidya.zeros(2, 5, device=device).fill_diagonal_(1)
    assert wide.nonzero().tolist() == [[0, 0], [1, 1]]
    assert vidya.zeros(3, 3, 3, device=device).fill_diagonal_(1).nonzero().tolist() == [
        [i] * 3 for i in range(3)
    ]
    with pytest.raises(ValueError, match="all of one size"):
        vidya.zeros(2, 3, 3, device=device).fill_diagonal_(1)


def test_shapes_of_other_tensors(device):
    x, other = vidya.arange(6, device=device).float(), vidya.zeros(2, 3, device=device)
    for like in (x.reshape_as(other), x.view_as(other), x[:3].expand_as(other)):
        assert like.shape == (2, 3) and like.ndimension() == 2
        assert like.nelement() == 6 and like.element_size() == 4
    assert x.reshape_as(other).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert x[:3].expand_as(other).tolist() == [[0, 1, 2]] * 2
