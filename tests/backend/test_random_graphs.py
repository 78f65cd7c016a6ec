"""Random small graphs give the numbers of eager, with and without each pass."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import vidya
from hypothesis import given, settings
from hypothesis import strategies as st
from vidya.compile.pipeline import PASSES

UNARY = ["neg", "abs", "tanh", "sigmoid", "relu", "square", "exp", "floor", "sign", "silu"]
BINARY = ["add", "sub", "mul", "maximum", "minimum"]
SHAPES = [(3, 5), (1, 5), (3, 1), (5,), ()]
KINDS = [
    "unary", "binary", "number", "sum", "mean", "amax", "softmax", "transpose", "flip", "narrow",
    "where", "write", "write_part", "cast", "constant", "random", "matmul", "norm",
]  # fmt: skip


@st.composite
def programs(draw):
    """A list of steps on a growing stack of tensors; indices are taken modulo its size."""
    index = st.integers(0, 30)
    steps = st.tuples(st.sampled_from(KINDS), index, index, st.integers(0, 9))
    return draw(st.lists(steps, min_size=3, max_size=14))


def interpret(program, tensors):
    stack = list(tensors)
    for kind, i, j, k in program:
        x, y = stack[i % len(stack)], stack[j % len(stack)]
        stack.append(_step(kind, x, y, k).clamp(-1e3, 1e3))
    return tuple(stack[len(tensors) :])


def _step(kind, x, y, k):
    if kind == "unary":
        return getattr(vidya, UNARY[k % len(UNARY)])(x.clamp(-4, 4))
    if kind == "binary":
        return getattr(vidya, BINARY[k % len(BINARY)])(x, y)
    if kind == "number":
        return x * (k - 3) + 0.5
    if kind in ("sum", "mean", "amax"):
        dims = () if not x.ndim else (k % x.ndim,) if k < 6 else tuple(range(x.ndim))
        return getattr(x.square() if k % 2 else x, kind)(dims, keepdim=True) if dims else x * 1
    if kind == "softmax":
        return x.softmax(-1) if x.ndim else x
    if kind == "transpose":
        return (x.mT * 1).mT if x.ndim == 2 else x.unsqueeze(0).squeeze(0)
    if kind == "flip":
        return x.flip(0) if x.ndim else x
    if kind == "narrow":  # a part, and shaped back
        return x[:1].expand(x.shape) + x if x.ndim else x
    if kind == "where":
        return vidya.where(x > y, x, y * 2)
    if kind == "write":
        out = x * 1
        with vidya.no_grad():
            out.add_(1)
        return out
    if kind == "write_part":
        out = x * 1
        if out.ndim:
            out[:1] = k
            out[-1:] = out[-1:] * 2
        return out
    if kind == "cast":
        return x.to([vidya.bfloat16, vidya.bool, vidya.float32][k % 3]).float()
    if kind == "constant":
        n = x.shape[-1] if x.ndim else 1
        mask = vidya.arange(n, device=x.device).float().add(k).cos()
        return x * mask if x.ndim else x * mask.sum()
    if kind == "random":
        return x + vidya.rand(x.shape, device=x.device)
    if kind == "matmul":
        return (x @ x.mT) @ x if x.ndim == 2 else x
    return vidya.nn.functional.rms_norm(x + y, (x + y).shape[-1:]) if x.ndim else x


CHOICES = [None, (), *((name,) for name in PASSES), ("common_subexpressions", "in_place")]


@settings(max_examples=60)
@given(programs(), st.integers(0, 2**16))
def test_random_graphs(device, program, seed):
    rng = np.random.default_rng(seed)
    tensors = [vidya.tensor(rng.normal(size=s).astype("f4"), device=device) for s in SHAPES]
    remat = sys.modules["vidya.compile.remat"]
    with vidya.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(remat, "_LEAST", 1)
        patch.setattr(remat, "_WORTH", 1.0)
        vidya.manual_seed(seed)
        eager = interpret(program, tensors)
        for passes in (None, CHOICES[seed % len(CHOICES)]):
            compiled = vidya.compile(
                lambda *xs: interpret(program, xs), passes=passes, less_memory=seed % 2 == 0
            )
            for _ in range(2):  # the second run finds the first one's memory
                vidya.manual_seed(seed)
                results = compiled(*tensors)
            for a, b in zip(results, eager, strict=True):
                assert a.shape == b.shape and a.dtype is b.dtype
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=5e-5, atol=5e-5)
