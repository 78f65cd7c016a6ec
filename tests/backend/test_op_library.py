"""Ops that the case tables cannot hold: in place, made from nothing, drawn, of data-made shapes."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.errors import AutogradError


def made(array, device):
    return vidya.tensor(np.asarray(array), device=device)


IN_PLACE = {
    "add_": (2,),
    "mul_": (3,),
    "clamp_": (-0.5, 0.5),
    "relu_": (),
    "exp_": (),
    "neg_": (),
    "tril_": (),
    "cumsum_": (0,),
    "masked_fill_": (np.array([[True, False, True]]), 7),
    "index_add_": (0, np.array([1, 0]), np.ones((2, 3))),
    "index_fill_": (1, np.array([2]), 5),
    "scatter_": (0, np.array([[1, 0, 1]]), 9),
    "scatter_add_": (0, np.array([[1, 0, 1]]), np.ones((1, 3))),
    "lerp_": (np.ones((2, 3)), 0.25),
    "addcmul_": (np.ones((2, 3)), np.full((2, 3), 2.0)),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_is_the_function_in_the_same_memory(name, device):
    x = made([[0.5, -1.0, 2.0], [1.5, 0.25, -3.0]], device).float()
    args = [
        made(a, device).to(_kind(a)) if isinstance(a, np.ndarray) else a for a in IN_PLACE[name]
    ]
    expected = getattr(x, name[:-1])(*args)
    row = x[1] if vidya.device(device).core.strided else None
    result = getattr(x, name)(*args)
    assert result is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())
    if row is not None:
        np.testing.assert_array_equal(row.numpy(), expected.numpy()[1])


def _kind(a):
    return vidya.float32 if a.dtype.kind == "f" else None


def test_in_place_never_changes_shape_or_kind(device):
    x = vidya.zeros(3, device=device)
    with pytest.raises(ValueError, match=r"add_.*\(2, 3\)"):
        x.add_(vidya.zeros(2, 3, device=device))
    with pytest.raises(TypeError, match="float32"):
        vidya.zeros(3, dtype=vidya.int64, device=device).mul_(0.5)
    with pytest.raises(AutogradError, match="no_grad"):
        x.requires_grad_().exp_()


def test_shape_changing_forms(device):
    x = made(np.arange(6.0).reshape(2, 3), device)
    assert x.t_() is x and x.shape == (3, 2)
    assert x.unsqueeze_(0).squeeze_(0).transpose_(0, 1).shape == (2, 3)
    np.testing.assert_array_equal(x.numpy(), np.arange(6.0).reshape(2, 3))


def test_unique_inverse_and_counts(device):
    data = np.array([[3, 1, 3], [2, 1, 3]])
    values, inverse, counts = vidya.unique(
        made(data, device), return_inverse=True, return_counts=True
    )
    np.testing.assert_array_equal(values.numpy(), [1, 2, 3])
    np.testing.assert_array_equal(values.numpy()[inverse.numpy()], data)
    np.testing.assert_array_equal(counts.numpy(), [2, 1, 3])
    rows = np.array([[1, 2], [0, 5], [1, 2]])
    found, inverse = vidya.unique(made(rows, device), return_inverse=True, dim=0)
    np.testing.assert_array_equal(found.numpy(), [[0, 5], [1, 2]])
    np.testing.assert_array_equal(inverse.numpy(), [1, 0, 1])


def test_where_alone_and_nonzero_as_tuple(device):
    mask = made([[True, False], [True, True]], device)
    rows, columns = vidya.where(mask)
    np.testing.assert_array_equal(rows.numpy(), [0, 1, 1])
    np.testing.assert_array_equal(columns.numpy(), [0, 0, 1])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hann_window", np.hanning),
        ("hamming_window", np.hamming),
        ("blackman_window", np.blackman),
        ("bartlett_window", np.bartlett),
        ("kaiser_window", lambda n: np.kaiser(n, 12.0)),
    ],
)
def test_windows(name, expected, device):
    made_by = getattr(vidya, name)
    got = made_by(9, False, dtype=vidya.float32, device=device).numpy()
    np.testing.assert_allclose(got, expected(9), rtol=1e-6, atol=1e-7)
    periodic = made_by(8, dtype=vidya.float32, device=device).numpy()
    np.testing.assert_allclose(periodic, expected(9)[:-1], rtol=1e-6, atol=1e-7)
    assert made_by(0, device=device).shape == (0,)
    with pytest.raises(TypeError, match="int64"):
        made_by(3, dtype=vidya.int64, device=device)


def test_triangle_indices_and_logspace(device):
    np.testing.assert_array_equal(
        vidya.tril_indices(3, 4, 1, device=device).numpy(), np.tril_indices(3, 1, 4)
    )
    np.testing.assert_array_equal(
        vidya.triu_indices(3, 4, device=device).numpy(), np.triu_indices(3, 0, 4)
    )
    got = vidya.logspace(-1, 2, 4, device=device)
    np.testing.assert_allclose(got.numpy(), [0.1, 1, 10, 100], rtol=1e-6)


def test_multinomial_draws_by_weight(device):
    vidya.manual_seed(3)
    weights = vidya.tensor([0.0, 1.0, 3.0, 0.0], device=device)
    drawn = vidya.multinomial(weights, 4000, replacement=True).numpy()
    assert set(drawn) == {1, 2}
    assert abs((drawn == 2).mean() - 0.75) < 0.03
    rows = vidya.multinomial(weights.expand(50, 4), 2).numpy()
    np.testing.assert_array_equal(np.sort(rows, 1), np.tile([1, 2], (50, 1)))
    with pytest.raises(ValueError, match="weights above 0"):
        vidya.multinomial(weights, 3)


def test_draws_have_their_moments(device):
    vidya.manual_seed(4)
    p = vidya.full((4000,), 0.3, device=device)
    assert abs(vidya.bernoulli(p).mean().item() - 0.3) < 0.03
    x = vidya.normal(p, 2.0)
    assert abs(x.mean().item() - 0.3) < 0.15 and abs(x.std().item() - 2.0) < 0.1
    assert abs(vidya.poisson(p * 10).mean().item() - 3.0) < 0.15
    assert abs(p.clone().exponential_(2.0).mean().item() - 0.5) < 0.05
    whole = vidya.randint_like(p, 3, 6).numpy()
    assert set(whole) == {3.0, 4.0, 5.0}


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda x: x.median(2), IndexError, r"median.*2"),
        (lambda x: x.roll((1, 2), 0), ValueError, "roll"),
        (lambda x: x.unflatten(0, (2, 2)), ValueError, r"unflatten.*size 3"),
        (lambda x: x.diagonal(0, 0, 0), ValueError, "same dim"),
        (lambda x: vidya.stack([x, x[0]]), ValueError, r"stack.*\(3, 4\).*\(4,\)"),
        (lambda x: vidya.tensordot(x, x, 1), ValueError, "tensordot"),
        (lambda x: x.quantile(1.5), ValueError, "from 0 to 1"),
        (lambda x: x.repeat(2), ValueError, "repeat.*few"),
        (lambda x: x.scatter_reduce(0, x.long() * 0, x, "max"), ValueError, "amax"),
        (lambda x: x.movedim((0, 0), (0, 1)), ValueError, "twice"),
        (lambda x: x.unfold(0, 9, 1), ValueError, "unfold.*9"),
        (lambda x: x.long().frac(), TypeError, "frac.*int64"),
        (lambda x: vidya.complex(x, x.double()), TypeError, "complex.*float64"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, error, told, device):
    x = vidya.ones(3, 4, device=device)
    with pytest.raises(error, match=told):
        call(x)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_power_of_a_half_is_no_square_root(device, compiled):
    x = made(np.array([-np.inf, -0.0, 0.0, 4.0, -1.0], np.float32), device)

    def f(x, y):
        return x**0.5, vidya.pow(x, y), x**0.5 + 1

    one, many, more = (vidya.compile(f) if compiled else f)(x, vidya.full((5,), 0.5, device=device))
    for y, wanted in (
        (one, [np.inf, 0, 0, 2]),
        (many, [np.inf, 0, 0, 2]),
        (more, [np.inf, 1, 1, 3]),
    ):
        np.testing.assert_array_equal(y.numpy()[:4], wanted)
        assert not np.signbit(y.numpy()[:4]).any() and np.isnan(y.numpy()[4])
