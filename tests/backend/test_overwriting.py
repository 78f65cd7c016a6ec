"""add_ and out= compute straight into a tensor's memory: what they read may lie there too."""

from __future__ import annotations

import numpy as np
import pytest
import vidya

X = np.arange(1, 13, dtype="f4").reshape(3, 4)


def _turned(a):
    a = a.copy()
    a[:, :3] -= a[:, :3].copy().T
    return a


# what is written, and what the whole should hold then
WRITES = {
    "itself": (lambda t: t.add_(t), lambda a: a + a),
    "twice": (lambda t: t.mul_(t).sub_(t), lambda a: a * a - a * a),
    "a row of it": (lambda t: t.add_(t[0]), lambda a: a + a[0]),
    "a column of it": (lambda t: t.mul_(t[:, 1:2]), lambda a: a * a[:, 1:2]),
    "a number": (lambda t: t.add_(2, alpha=3), lambda a: a + 6),
    "where it is large": (lambda t: t.masked_fill_(t > 6, 0), lambda a: np.where(a > 6, 0, a)),
}
VIEWS = {
    "itself turned": (lambda t: t[:, :3].sub_(t[:, :3].T), _turned),
    "the rows before": (lambda t: t[1:].add_(t[:-1]), lambda a: np.r_[a[:1], a[1:] + a[:-1]]),
    "the rows after": (lambda t: t[:-1].add_(t[1:]), lambda a: np.r_[a[:-1] + a[1:], a[-1:]]),
    "out": (lambda t: vidya.add(t[:-1], 1, out=t[1:]), lambda a: np.r_[a[:1], a[:-1] + 1]),
}


@pytest.mark.parametrize("name", [*WRITES, *VIEWS])
def test_what_is_read_may_be_what_is_written(device, name):
    write, wanted = (WRITES | VIEWS)[name]
    x = vidya.tensor(X, device=device)
    if name in VIEWS and x[:1]._view_copy:
        pytest.skip(f"{device}: a view is a copy, and writing to one is refused")
    write(x)
    np.testing.assert_allclose(x.numpy(), wanted(X))


@pytest.mark.parametrize("scatter", [vidya.scatter, vidya.scatter_add])
def test_a_scattered_source_is_read_before_it_is_written(device, scatter):
    index = vidya.tensor([3, 0, 1, 2], device=device)

    def into_source(x, y):
        y = y * 1.0
        return y.copy_(scatter(x, 0, index, y))

    def into_itself(x, y):
        x = x * 1.0
        return x.copy_(scatter(x, 0, index, x))

    x, y = (vidya.tensor(v, device=device) for v in ([1.0, 2, 3, 4], [10.0, 20, 30, 40]))
    for function in (into_source, into_itself):
        assert vidya.compile(function)(x, y).tolist() == function(x, y).tolist()


def test_memory_stays_and_is_the_result(device):
    x = vidya.tensor(X, device=device)
    before = x._storage_id
    assert x.mul_(2) is x and x._storage_id == before
    out = vidya.empty(3, 4, device=device)
    assert vidya.exp(x, out=out) is out
    np.testing.assert_allclose(out.numpy(), np.exp(2 * X), rtol=1e-5)


def test_a_saved_tensor_is_missed(device):
    w = vidya.ones(3, 4, device=device, requires_grad=True)
    x = vidya.tensor(X, device=device)
    y = (w * x).sum()
    x.add_(1)
    with pytest.raises(vidya.errors.AutogradError, match="modified in place"):
        y.backward()


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda x: x.add_(vidya.ones(2, 3, 4, device=x.device)), r"add_.*\(2, 3, 4\)"),
        (lambda x: x.int().add_(x), "add_.*float32"),
        (lambda x: x.add_(vidya.ones(5, device=x.device)), "add.*broadcast"),
        (lambda x: vidya.neg_("text"), "neg"),
    ],
)
def test_what_does_not_fit_is_refused(device, write, message):
    x = vidya.tensor(X, device=device)
    with pytest.raises((ValueError, TypeError), match=message):
        write(x)
    np.testing.assert_array_equal(x.numpy(), X)
