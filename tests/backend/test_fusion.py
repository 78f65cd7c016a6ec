"""The graph passes: random small graphs give the numbers of eager, with and without each pass."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import vidya
from hypothesis import given, settings
from hypothesis import strategies as st
from vidya.compile.pipeline import PASSES

UNARY = ["neg", "abs", "tanh", "sigmoid", "relu", "square", "exp", "floor", "sign"]
BINARY = ["add", "sub", "mul", "maximum", "minimum"]
SHAPES = [(3, 5), (1, 5), (3, 1), (5,), ()]


@st.composite
def programs(draw):
    """A list of steps on a growing stack of tensors; indices are taken modulo its size."""
    kinds = st.sampled_from(["unary", "binary", "number", "reduce", "view", "where", "write"])
    index = st.integers(0, 30)
    steps = st.tuples(kinds, index, index, st.integers(0, 8))
    return draw(st.lists(steps, min_size=3, max_size=14))


def interpret(program, tensors):
    stack = list(tensors)
    for kind, i, j, k in program:
        x, y = stack[i % len(stack)], stack[j % len(stack)]
        if kind == "unary":
            out = getattr(vidya, UNARY[k % len(UNARY)])(x.clamp(-4, 4))
        elif kind == "binary":
            out = getattr(vidya, BINARY[k % len(BINARY)])(x, y)
        elif kind == "number":
            out = x * (k - 3) + 0.5
        elif kind == "reduce":
            out = x.sum(-1, keepdim=True) if x.ndim else x.sum()
        elif kind == "view":
            out = x.mT if x.ndim == 2 else x.unsqueeze(0)
            out = out if out.shape in ((3, 5), (1, 5), (5,), (3, 1)) else x
        elif kind == "where":
            out = vidya.where(x > y, x, y * 2)
        else:
            out = x * 1
            with vidya.no_grad():
                out.add_(1)
        stack.append(out.clamp(-1e3, 1e3))
    return tuple(stack[len(tensors) :])


@settings(max_examples=40, deadline=None)
@given(programs(), st.integers(0, 2**16))
def test_random_graphs(device, program, seed):
    rng = np.random.default_rng(seed)
    tensors = [vidya.tensor(rng.normal(size=s).astype("f4"), device=device) for s in SHAPES]
    with vidya.no_grad():
        eager = interpret(program, tensors)
        for passes in (None, (), ("fuse",), ("common_subexpressions", "in_place")):
            compiled = vidya.compile(lambda *xs: interpret(program, xs), passes=passes)(*tensors)
            for a, b in zip(compiled, eager, strict=True):
                assert a.shape == b.shape and a.dtype is b.dtype
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5)


def counts(function, *args, passes=None):
    """(kernels that are no mere `fill`, what the passes saved)"""
    compiled = vidya.compile(function, passes=passes)
    compiled(*args)
    (entry,) = compiled.entries.values()
    return sum(node.op != "fill" for node in entry.capture.nodes), entry.saved


@pytest.fixture
def x(device):
    return vidya.tensor(np.random.default_rng(0).normal(size=(4, 6)).astype("f4"), device=device)


def test_dead_code_goes(x):
    def f(x):
        x.exp()
        return x.sum()

    n, saved = counts(f, x, passes=["dead_code"])
    assert n == 1 and saved["dead_code"] == 1


def test_equal_expressions_are_computed_once(x):
    n, saved = counts(
        lambda x: (x.exp().sum(), x.exp().sum(0)), x, passes=["common_subexpressions"]
    )
    assert n == 3 and saved["common_subexpressions"] == 1


def test_what_is_computed_again_on_purpose_stays_so(device):
    def chunks(x, weight):
        out = []
        for make in ("amax", "amin"):
            out += [getattr(x[i : i + 64] @ weight, make)(1) for i in (0, 64)]
        return out

    x, weight = vidya.ones(128, 8, device=device), vidya.ones(8, 4096, device=device)
    _, saved = counts(chunks, x, weight, passes=["common_subexpressions"])
    assert saved["common_subexpressions"] == 0  # or all logits would live at one time
    _, saved = counts(chunks, x, weight[:, :64], passes=["common_subexpressions"])
    assert saved["common_subexpressions"] >= 2  # little memory: it is kept


def test_large_values_that_are_used_again_anyway_are_computed_once(device):
    x, weight = vidya.ones(128, 8, device=device), vidya.ones(8, 4096, device=device)

    def f(x, weight):
        y, z = x @ weight, x @ weight
        return y.amax(1), z.amin(1), y.sum()

    _, saved = counts(f, x, weight, passes=["common_subexpressions"])
    assert saved["common_subexpressions"] == 1


def test_sums_of_large_values_do_not_wait_for_each_other(device, monkeypatch):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides has no arena")

    def f(x):
        total = x @ x
        for i in range(6):
            total = total + (x * i) @ x
        return total.sum()

    def memory():
        compiled = vidya.compile(f)
        compiled(x)
        return next(iter(compiled.entries.values())).plan.bytes

    x = vidya.ones(128, 128, device=device)
    waiting = memory()
    limits = sys.modules["vidya.compile.fuse"]
    monkeypatch.setattr(limits, "_MOST_HELD", 128 * 128 * 4 * 2)
    one_by_one = memory()
    assert one_by_one <= 4 * x.numel() * 4 + 256
    assert waiting > one_by_one or device == "numpy"


def test_an_expression_is_computed_anew_after_a_write(x):
    def f(x):
        first = x.sum()
        x.add_(1)
        return first, x.sum()

    before = x.numpy().sum()
    a, b = vidya.compile(f)(x)
    np.testing.assert_allclose([a.item(), b.item()], [before, before + 24], rtol=1e-5)


def test_a_chain_becomes_one_kernel(device, x):
    n, saved = counts(lambda x: ((x * 2 + 1).tanh() - x).square(), x)
    if saved["fuse"] == 0:
        pytest.skip(f"{device} has no ewise kernel")
    assert n == 1 and saved["fuse"] == 4


def test_an_update_in_place_needs_no_copy(device, x):
    if not vidya.device(device).info["strided"]:
        pytest.skip("a device without strides takes the new memory over")

    def double(x):
        x.mul_(2)

    n, saved = counts(double, x, passes=["in_place"])
    assert n == 1 and saved["in_place"] == 1


def test_every_pass_can_be_switched_off(x):
    for name in PASSES:
        others = [p for p in PASSES if p != name]
        np.testing.assert_allclose(
            vidya.compile(lambda x: (x * 2 + x.exp()).sum(1), passes=others)(x).numpy(),
            (x * 2 + x.exp()).sum(1).numpy(),
            rtol=1e-5,
        )


def test_a_group_of_casts_only(device, x):
    y = x + 1
    for got, want in zip(
        vidya.compile(lambda *t: [a.bfloat16() for a in t])(x, y), (x, y), strict=True
    ):
        np.testing.assert_array_equal(got.float().numpy(), want.bfloat16().float().numpy())


def test_rounding_to_a_narrow_dtype_is_not_lost(device, x):
    got = vidya.compile(lambda x: (x.bfloat16().float() - x).abs())(x)
    np.testing.assert_array_equal(got.numpy(), (x.bfloat16().float() - x).abs().numpy())
