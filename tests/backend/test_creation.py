"""Tensors out of nothing."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.testing import assert_close


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 4)])
def test_constant_tensors(device, shape):
    assert_close(vidya.zeros(shape, device=device), np.zeros(shape))
    assert_close(vidya.ones(shape, device=device), np.ones(shape))
    assert_close(vidya.full(shape, 2.5, device=device), np.full(shape, 2.5))


@pytest.mark.parametrize(
    "args", [(5,), (2, 7), (1, 10, 3), (5, 0, -2), (0,), (0.5, 2.0, 0.25), (3, 3)]
)
def test_arange(device, args):
    result = vidya.arange(*args, device=device)
    expected = np.arange(*args)
    whole = all(isinstance(a, int) for a in args)
    assert result.dtype == (vidya.int64 if whole else vidya.float32)
    assert_close(result, expected if whole else expected.astype(np.float32), 0, 0)


def test_arange_counts_exactly_beyond_float32(device):
    start = 2**24 + 1  # float32 has no such number
    assert vidya.arange(start, start + 3, device=device).tolist() == [start, start + 1, start + 2]


def test_what_was_uploaded_comes_back(device):
    for array in (
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.array([[True, False]]),
        np.array([-3, 2**31 - 1], np.int64),
        np.zeros((0, 4), np.float32),
        np.float32(7),
    ):
        tensor = vidya.tensor(array, device=device)
        assert tuple(tensor.shape) == np.shape(array)
        np.testing.assert_array_equal(tensor.cpu().numpy(), array)


def test_full_takes_one_number(device):
    with pytest.raises(ValueError, match=r"full: fill_value is one number, got shape \(3,\)"):
        vidya.full((2,), vidya.ones(3, device=device), device=device)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.fill_(1j),
        lambda x: x.__setitem__(0, 1j),
        lambda x: x.new_full((1,), 1j),
        lambda x: vidya.full((2,), 1j, dtype=vidya.float32, device=x.device),
        lambda x: vidya.full_like(x, 1j),
        lambda x: vidya.tensor([1, 1j], dtype=vidya.float32, device=x.device),
        lambda x: x.masked_fill(x > 0, 1j),
        lambda x: x.scatter(0, x.long() * 0, 1j),
    ],
)
def test_a_complex_number_is_not_cut_to_fit(write, device):
    x = vidya.ones(2, 2, device=device)
    with pytest.raises(TypeError, match=r"complex number does not fit float32"):
        write(x)


def test_what_cannot_be_counted(device):
    for ends in ((0, float("inf")), (0, float("nan")), (1549556900, 1549556828, 1989724)):
        with pytest.raises(ValueError, match=r"^arange:"):
            vidya.arange(*ends, device=device)
