"""nextafter gives the neighbour bit for bit: of every 16-bit float, and of many wider ones."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import vidya
from vidya.errors import UnsupportedError

KINDS = [np.dtype(t) for t in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)]


def numbers(kind):
    if kind.itemsize == 2:
        return np.arange(65536, dtype=np.uint16).view(kind)
    word = np.dtype(f"u{kind.itemsize}")
    rng = np.random.default_rng(0)
    some = rng.integers(0, np.iinfo(word).max, 20_000, dtype=word).view(kind)
    info = np.finfo(kind)
    ends = [0, -0.0, 1, -1, 2, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal]
    return np.concatenate([np.array(ends, kind), -np.array(ends, kind), some])


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("to", [np.inf, -np.inf, 0.0, None])
def test_every_neighbour(kind, to, device):
    x = numbers(kind)
    y = np.full_like(x, to) if to is not None else np.random.default_rng(1).permutation(x)
    with np.errstate(all="ignore"):
        want = np.nextafter(x, y)
    try:
        got = vidya.nextafter(vidya.tensor(x, device=device), vidya.tensor(y, device=device))
    except UnsupportedError as error:
        pytest.skip(str(error))
    got = got.numpy()
    nan = np.isnan(want.astype(np.float64))
    assert got.dtype == kind
    assert (np.isnan(got.astype(np.float64)) == nan).all()
    wrong = (got != want) & ~nan
    assert not wrong.any(), (x[wrong][:5], y[wrong][:5], got[wrong][:5], want[wrong][:5])


def test_it_takes_floats(device):
    with pytest.raises(TypeError, match="nextafter: takes floats"):
        vidya.nextafter(vidya.tensor([1], device=device), vidya.tensor([2], device=device))
