"""What each pass takes out of a graph, and what it must leave there."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import vidya
from vidya.compile.pipeline import PASSES

from .kernels import counts


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


def test_constants_are_computed_once(device):
    def causal(x):
        n = x.shape[-1]
        at = vidya.arange(n, device=x.device)
        mask = at.unsqueeze(0) <= at.unsqueeze(1)
        return x.masked_fill(~mask, -1e9).softmax(-1) * at.float().cos()

    x = vidya.tensor(np.random.default_rng(1).normal(size=(6, 6)).astype("f4"), device=device)
    n, saved = counts(causal, x)
    plain, _ = counts(causal, x, passes=[p for p in PASSES if p != "fold_constants"])
    assert saved["fold_constants"] >= 3 and n < plain
    np.testing.assert_allclose(vidya.compile(causal)(x).numpy(), causal(x).numpy(), rtol=1e-5)


def test_constants_that_are_results_or_large_are_made_anew(device):
    def f(x):
        ramp = vidya.arange(4, device=x.device).float() * 2
        return ramp, ramp + x

    x = vidya.ones(4, device=device)
    compiled = vidya.compile(f)
    first, _ = compiled(x)
    first.add_(1)  # is memory of its own
    np.testing.assert_array_equal(compiled(x)[0].numpy(), [0, 2, 4, 6])

    def large(x):
        return x + vidya.arange(1 << 19, device=x.device).float().sqrt()

    _, saved = counts(large, vidya.ones(1, device=device))
    assert saved["fold_constants"] == 0


def test_a_constant_that_is_written_is_no_constant(device):
    def f(x):
        table = vidya.arange(4, device=x.device).float()
        before = table * x
        table.add_(x)
        return before, table * x

    x = vidya.full((4,), 2.0, device=device)
    compiled = vidya.compile(f)
    for _ in range(2):
        for a, b in zip(compiled(x), f(x), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_what_is_computed_again_on_purpose_stays_so(device):
    def chunks(x, weight):
        out = []
        for make in ("amax", "amin"):
            out += [getattr(x[i : i + 64] @ weight, make)(1) for i in (0, 64)]
        return out

    def products(weight):
        compiled = vidya.compile(chunks, passes=["common_subexpressions"])
        compiled(vidya.ones(128, 8, device=device), weight)
        (entry,) = compiled.entries.values()
        return sum(node.op == "matmul" for node in entry.capture.nodes)

    assert products(vidya.ones(8, 4096, device=device)) == 4  # else all logits live at one time
    assert products(vidya.ones(8, 64, device=device)) == 2  # little memory: they are kept


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
            total = total - (x * i) @ x  # what is added would be one kernel with its product
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
