"""Kernels of an inference plan may keep a packed copy of a weight, until it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

CODE = f'#include "{Path(__file__).parent.as_posix()}/cpack.c"'
EDIT = """
  t->find = pack_find;
  t->run = pack_run;
  t->kernel_free = pack_free;
  t->memory_stats = pack_stats;
"""
SCRIPT = """
    import gc
    import numpy as np
    import vidya
    from vidya import nn

    def packs():
        stats = vidya.memory_stats("packer")
        return stats["backend_live_bytes"], stats["backend_cached_bytes"]

    rng = np.random.default_rng(0)
    def data(*shape):
        return vidya.tensor(rng.normal(size=shape).astype("f4"), device="packer")

    weight = nn.Parameter(data(4, 3))
    def check(f, x):
        np.testing.assert_allclose(
            f(x).detach().numpy(), x.numpy() @ weight.detach().numpy(), rtol=1e-5, atol=1e-6
        )
"""


@pytest.fixture(scope="module")
def packer(shared_site):
    shared_site.install_cdev("packer", edit=EDIT, code=CODE)
    return lambda script: shared_site.check(SCRIPT + script)


def test_a_weight_is_packed_once_and_anew_never(packer):
    packer(
        """
    @vidya.compile
    def f(x):
        with vidya.no_grad():
            return x @ weight

    for _ in range(4):
        check(f, data(2, 4))
    assert packs() == (1, 1)
    (entry,) = f.entries.values()
    assert entry.saved["freeze"] == 1
    del entry
    with vidya.no_grad():
        weight.mul_(2)
    for _ in range(3):
        check(f, data(2, 4))  # it may change again, so it is not packed again
    assert packs() == (1, 0) and len(f.entries) == 1
    """
    )


def test_other_memory_in_its_place_is_noticed(packer):
    packer(
        """
    f = vidya.compile(lambda x: x @ weight.detach())
    check(f, data(2, 4))
    other = vidya.compile(lambda values: weight.copy_(values))
    other_values = data(4, 3)
    with vidya.no_grad():
        other(other_values)  # a plan that writes it, too
    check(f, data(2, 4))
    del f
    gc.collect()
    assert packs()[1] == 0
    """
    )


def test_training_packs_nothing(packer):
    packer(
        """
    @vidya.compile
    def step(x):
        weight.grad = None
        y = x @ weight
        y.sum().backward()
        return y

    @vidya.compile
    def write(x):
        y = x @ weight
        with vidya.no_grad():
            weight.add_(1)
        return y

    x = data(2, 4)
    check(step, x)
    before = weight.detach().numpy().copy()
    y = write(x)
    np.testing.assert_allclose(y.detach().numpy(), x.numpy() @ before, rtol=1e-5)
    argument = vidya.compile(lambda x, w: x @ w)
    argument(x, weight.detach())
    off = vidya.compile(lambda x: x @ weight.detach(), passes=["fuse"])
    check(off, x)
    assert packs() == (0, 0)
    """
    )
