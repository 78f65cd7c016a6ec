"""Norms are one kernel with their residual and rounding, where the device has such a kernel."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.compile.pipeline import PASSES
from vidya.errors import UnsupportedError
from vidya.nn import functional as F

OFF = [name for name in PASSES if name != "norms"]
NORM = {
    "rms_norm": lambda x, w: F.rms_norm(x, (x.shape[-1],), w),
    "layer_norm": lambda x, w: F.layer_norm(x, (x.shape[-1],), w, w),
}


def data(device, *shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, device=device, dtype=vidya.float32)


def ran(function, *args, passes=None):
    compiled = vidya.compile(function, passes=passes)
    try:
        results = [t.float().numpy() for t in compiled(*args)]
    except UnsupportedError as error:
        pytest.skip(str(error))
    (entry,) = compiled.entries.values()
    return results, entry


def both(function, *args, rtol=1e-5):
    """The entry of a run whose numbers are those of one without the pass."""
    wanted, _ = ran(function, *args, passes=OFF)
    got, entry = ran(function, *args)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * 10)
    return entry, [node.op for node in entry.capture.nodes]


def joins(device):
    """Has this device the kernels at all?"""
    x, w = data(device, 4, 8), data(device, 8)
    return ran(lambda x, w: (NORM["rms_norm"](x + x, w),), x, w)[1].saved["norms"] > 0


@pytest.mark.parametrize("norm", NORM)
def test_the_sum_before_it(device, norm):
    def f(a, b, w):
        total = a * 2 + b
        return NORM[norm](total, w), total + 1

    entry, made = both(f, data(device, 6, 16), data(device, 6, 16, seed=1), data(device, 16))
    if joins(device):
        assert f"residual_{norm}" in made and norm not in made and "add" not in made[:2]
        assert entry.saved["norms"] == 1


@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize("dtype", [vidya.bfloat16, vidya.float16], ids=str)
def test_the_rounding_after_it(device, norm, dtype):
    def f(a, b, w):
        return (NORM[norm](a, w).to(dtype), NORM[norm](a + b, w).to(dtype).reshape(-1))

    args = data(device, 6, 16), data(device, 6, 16, seed=1), data(device, 16)
    _, made = both(f, *args, rtol=1e-2)
    if joins(device):
        assert made.count(f"residual_{norm}") == 2 and "cast" not in made and "add" not in made


def test_what_has_to_stay(device):
    """The norm itself is wanted, or the sum is: before, in another shape, or written later."""

    def f(a, b, w):
        norm = NORM["rms_norm"]
        first = norm(a, w)
        early = a + b
        part = early[:, :4] * 2
        wide = a + b[:1]
        later = a - b
        turned = norm(later, w) + later
        later.add_(1)
        return first, first.to(vidya.bfloat16), norm(early, w), part, norm(wide, w), turned, later

    both(f, data(device, 6, 16), data(device, 6, 16, seed=1), data(device, 16), rtol=1e-5)


@pytest.mark.parametrize("norm", NORM)
@pytest.mark.parametrize("half", [False, True])
def test_steps_of_a_residual_network(device, norm, half):
    def train(passes):
        weights = [data(device, 16, 16, seed=i) * 0.3 for i in range(6)]
        scales = [vidya.ones(16, device=device) for _ in range(3)]
        leaves = [t.detach().requires_grad_() for t in weights + scales]
        optimizer = vidya.optim.SGD(leaves, lr=0.05)

        def step(x):
            optimizer.zero_grad()
            with vidya.autocast(vidya.bfloat16, enabled=half):
                for i in range(3):
                    inner = F.silu(F.linear(NORM[norm](x, leaves[6 + i]), leaves[i]))
                    x = x + F.linear(inner, leaves[3 + i])
            loss = x.square().mean()
            loss.backward()
            optimizer.step()
            return loss

        compiled = vidya.compile(step, passes=passes)
        x = data(device, 5, 16, seed=9)
        try:
            losses = [compiled(x).item() for _ in range(10)]
        except UnsupportedError as error:
            pytest.skip(str(error))
        (entry,) = compiled.entries.values()
        return losses, entry

    wanted, _ = train(OFF)
    got, entry = train(None)
    np.testing.assert_allclose(got, wanted, rtol=1e-2 if half else 1e-5)
    if joins(device):
        made = [node.op for node in entry.capture.nodes]
        assert f"residual_{norm}_backward" in made
        assert entry.saved["norms"] >= (9 if half else 4)
