"""The fake devices catch what they are there to catch."""

from __future__ import annotations

import numpy as np
import pytest
from vidya import dtypes
from vidya.backends.python import Caps, Meta, View
from vidya.errors import UnsupportedError
from vidya.testing.fakes.strict import StrictBackend
from vidya.testing.fakes.tile import TileBackend

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def meta(array):
    strides = tuple(s // array.itemsize for s in array.strides)
    return Meta(array.shape, strides, dtypes.as_dtype(array.dtype), False, False)


def view(buffer, array, offset=0):
    m = meta(array)
    return View(buffer, offset, m.shape, m.strides, m.dtype, None)


def upload(device, array):
    data = np.frombuffer(array.tobytes(), np.uint8)
    buffer = device.alloc(data.size) if device.strided else None
    buffer = device.upload(view(buffer, array), data)
    return view(buffer, array)


@pytest.fixture
def strict():
    return StrictBackend().open(0)


@pytest.fixture
def tile():
    return TileBackend().open(0)


def test_strict_works_at_sync_and_not_before(strict):
    x, out = upload(strict, X), view(strict.alloc(X.nbytes), X)
    kernel, caps = strict.find("neg", [meta(X)], [meta(X)], {})
    assert caps & Caps.STRIDED_IN and not caps & Caps.SCALAR_IN
    kernel([x], [out])
    assert np.isnan(out.buffer.array(out)).all()  # peeking shows what never was written
    strict.sync()
    assert (strict.download(out) == -X).all()


def test_strict_memory_is_not_the_host_s(strict):
    with pytest.raises(TypeError):
        memoryview(strict.alloc(8))


def test_strict_finds_memory_that_is_freed_too_early_or_twice(strict):
    x = upload(strict, X)
    out = view(strict.alloc(X.nbytes), X)
    kernel, _ = strict.find("neg", [meta(X)], [meta(X)], {})
    kernel([x], [out])
    strict.free(x.buffer)  # in order: the kernel that waits still reads what was there
    assert (strict.download(out) == -X).all()
    with pytest.raises(RuntimeError, match="freed"):
        kernel([x], [out])
    with pytest.raises(RuntimeError, match="twice"):
        strict.free(x.buffer)


def test_strict_tells_of_a_bad_index_at_sync_and_goes_on(strict):
    index = np.array([0, 9])
    kernel, _ = strict.find("index_select", [meta(X), meta(index)], [meta(X)], {"dim": 0})
    out = view(strict.alloc(X.nbytes), X)
    kernel([upload(strict, X), upload(strict, index)], [out])
    later = upload(strict, X)
    with pytest.raises(IndexError, match="index 9"):
        strict.sync()
    assert (strict.download(later) == X).all()


def test_strict_refuses_an_output_with_holes(strict):
    wide = np.zeros((2, 6), np.float32)
    kernel, _ = strict.find("neg", [meta(X)], [meta(wide[:, ::2])], {})
    with pytest.raises(RuntimeError, match="contiguous"):
        kernel([upload(strict, X)], [view(strict.alloc(wide.nbytes), wide[:, ::2])])


def test_strict_counts_its_bytes(strict):
    before = strict.live_bytes
    memory = strict.alloc(1024)
    assert strict.live_bytes == before + 1024
    strict.free(memory)
    assert strict.live_bytes == before


def test_tile_makes_its_outputs_and_shares_nothing(tile):
    x = upload(tile, X)
    kernel, caps = tile.find("permute", [meta(X)], [meta(X.T.copy())], {"dims": (1, 0)})
    assert caps == Caps.ALLOCS_OUTPUT
    (made,) = kernel([x], [view(None, X.T.copy())])
    assert (tile.download(view(made, X.T.copy())) == X.T).all()
    with pytest.raises(RuntimeError, match="no plain memory"):
        tile.alloc(16)


def test_tile_finds_a_reshape_that_nobody_did(tile):
    x = upload(tile, X)
    with pytest.raises(RuntimeError, match="no views"):
        tile.download(view(x.buffer, X.reshape(3, 2)))
    with pytest.raises(RuntimeError, match="no views"):
        tile.download(view(x.buffer, X, offset=4))


def test_tile_has_three_dtypes_and_packs_the_rest_into_words(tile):
    for array in (np.array([-5, 2**31 - 1]), np.array([True, False]), np.array([7], np.int32)):
        kept = upload(tile, array)
        assert kept.buffer._stored.dtype == np.uint32
        assert (tile.download(kept) == array).all()
    with pytest.raises(UnsupportedError, match="32 bits"):
        upload(tile, np.array([2**31]))
    with pytest.raises(UnsupportedError, match="float64"):
        upload(tile, np.zeros(2))
    wide = np.zeros(2)
    assert tile.find("neg", [meta(wide)], [meta(wide)], {}) == "tile has no float64"
    assert tile.find("erfc", [meta(X)], [meta(X)], {}) is None


def test_tile_counts_its_bytes_and_finds_a_tensor_freed_twice(tile):
    x = upload(tile, X)
    assert tile.live_bytes == X.nbytes
    tile.free(x.buffer)
    assert tile.live_bytes == 0
    with pytest.raises(RuntimeError, match="twice"):
        tile.free(x.buffer)


def test_strict_frees_without_the_errors_of_what_waits(strict):
    def fails():
        raise IndexError("of an earlier call")

    memory = [strict.alloc(4) for _ in range(600)]
    strict._later(fails)
    for m in memory:  # more than the queue holds
        strict.free(m)
    with pytest.raises(IndexError, match="earlier"):
        strict.sync()
