"""Memory by the ABI's alloc and free: blocks never overlap, and free neighbours are joined."""

from __future__ import annotations

import ctypes as c

import numpy as np
import pytest
from abi import Err

KB, MB = 1 << 10, 1 << 20
SLAB = 32 * MB


class Blocks:
    """What a test holds; the rest is given back at its end."""

    def __init__(self, device) -> None:
        self.device, self.held = device, {}

    def alloc(self, size: int) -> int:
        at, err = c.c_void_p(), Err()
        self.device.check(self.device.b.alloc(self.device.handle, size, at, err), err)
        self.held[at.value] = size
        return at.value

    def free(self, at: int) -> None:
        del self.held[at]
        self.device.b.free(self.device.handle, at)

    def view(self, at: int) -> np.ndarray:
        return np.ctypeslib.as_array((c.c_uint8 * self.held[at]).from_address(at))


@pytest.fixture
def blocks(blas):
    blocks = Blocks(blas)
    yield blocks
    for at in list(blocks.held):
        blocks.free(at)


def test_blocks_do_not_overlap(blocks):
    rng = np.random.default_rng(3)
    marks: dict[int, int] = {}
    for step in range(600):
        if marks and rng.random() < 0.45:
            at = list(marks)[rng.integers(len(marks))]
            assert (blocks.view(at)[[0, -1]] == marks.pop(at)).all()
            blocks.free(at)
        else:
            at = blocks.alloc(int(2 ** rng.uniform(6, 22)))
            assert at % 64 == 0
            marks[at] = step % 251
            blocks.view(at)[:] = marks[at]
    for at, mark in marks.items():
        assert (blocks.view(at) == mark).all()


@pytest.mark.parametrize("order", ["forwards", "backwards", "odd ones first"])
def test_neighbours_are_joined(blocks, order):
    held = [blocks.alloc(256 * KB) for _ in range(3 * SLAB // (256 * KB))]  # one slab is full
    slabs = [[at for at in held if at // SLAB == slab] for slab in {at // SLAB for at in held}]
    anchor, *full = next(sorted(slab) for slab in slabs if len(slab) == SLAB // (256 * KB))
    given = {"forwards": full, "backwards": full[::-1], "odd ones first": full[1::2] + full[::2]}
    for at in given[order]:
        blocks.free(at)
    large = [blocks.alloc(2 * MB - 4 * KB) for _ in range(2 * SLAB // (2 * MB))]
    assert sum(at // SLAB == anchor // SLAB for at in large) >= 15
