"""What is wanted in another order is written in it, where the device's kernel can."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya.compile.pipeline import PASSES
from vidya.engine.trace import STRIDED_OUT
from vidya.errors import UnsupportedError
from vidya.nn import functional as F
from vidya.ops.rope import rope

OFF = [name for name in PASSES if name != "layouts"]


def data(device, *shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, device=device, dtype=vidya.float32)


def ran(function, *args, passes=None):
    compiled = vidya.compile(function, passes=passes)
    try:
        results = [t.numpy() for t in compiled(*args)]
    except UnsupportedError as error:
        pytest.skip(str(error))
    (entry,) = compiled.entries.values()
    return results, entry


def attention(x, cos, sin, w):
    """Heads taken apart and joined again, as a transformer does it, and the gradient of that."""
    x = x.detach().requires_grad_()

    def heads(t):
        return rope(t.reshape(2, 12, 4, 16).transpose(1, 2), cos, sin)

    out = F.scaled_dot_product_attention(heads(x), heads(x * 2), heads(x + 1), is_causal=True)
    joined = out.transpose(1, 2).reshape(2, 12, 64)
    loss = F.linear(joined, w).square().sum()
    loss.backward()
    return loss, x.grad


def permuted_and_kept(x, cos, sin, w):
    """The value is wanted in two orders, and leaves in one of them."""
    turned = rope(x.reshape(2, 12, 4, 16), cos.unsqueeze(1), sin.unsqueeze(1))
    flat = turned.permute(2, 0, 1, 3).contiguous()
    return flat, turned.square(), turned.transpose(0, 3).reshape(-1), flat + 1


def part_of_it(x, cos, sin, w):
    """A part of the value is not the whole of it: that copy stays."""
    turned = rope(x.reshape(2, 12, 4, 16), cos.unsqueeze(1), sin.unsqueeze(1))
    return turned[:, 2:].transpose(1, 2).contiguous() * 2, turned.transpose(1, 2).contiguous() * 3


def written_later(x, cos, sin, w):
    """What the copy is made in is written again: it has to stay."""
    turned = rope(x.reshape(2, 12, 4, 16), cos.unsqueeze(1), sin.unsqueeze(1))
    flat = turned.transpose(1, 2).contiguous()
    flat.mul_(2)
    return flat * 1, turned * 1


@pytest.mark.parametrize(
    "function", [attention, permuted_and_kept, part_of_it, written_later], ids=lambda f: f.__name__
)
def test_the_numbers_are_the_same(device, function):
    if function is written_later and not vidya.device(device).info["strided"]:
        pytest.skip("a view is a copy there")
    args = data(device, 2, 12, 64), data(device, 12, 8, seed=1), data(device, 12, 8, seed=2)
    w = data(device, 32, 64, seed=3)
    wanted, plain = ran(function, *args, w, passes=OFF)
    got, entry = ran(function, *args, w)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)
    assert len(entry.capture.nodes) <= len(plain.capture.nodes)
    assert "layouts" not in plain.saved


def test_no_copy_is_left_around_attention(device):
    """Where attention and rope have kernels that write in any order."""
    args = data(device, 2, 12, 64), data(device, 12, 8, seed=1), data(device, 12, 8, seed=2)
    w = data(device, 32, 64, seed=3)
    _, plain = ran(attention, *args, w, passes=OFF)
    _, entry = ran(attention, *args, w)
    strided = [n for n in plain.capture.nodes if n.caps & STRIDED_OUT]
    if len(strided) < 8:
        pytest.skip("the device has no such kernels")
    assert entry.saved["layouts"] == sum(n.op == "copy" for n in plain.capture.nodes) > 0
    assert not any(n.op == "copy" for n in entry.capture.nodes)
    assert entry.plan.bytes <= plain.plan.bytes
