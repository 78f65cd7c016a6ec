"""How a compiled function may be called, and what may go in and out."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import vidya
from vidya.errors import TraceError


def data(device, *shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return vidya.tensor(values, dtype=vidya.float32, device=device)


def test_a_compiled_function_in_another_is_part_of_its_plan(device):
    inner = vidya.compile(lambda x, n: x * n)
    outer = vidya.compile(lambda x: inner(x, 2) + inner(x, 3))
    x = data(device, 4)
    for _ in range(2):
        np.testing.assert_allclose(outer(x).numpy(), x.numpy() * 5, rtol=1e-6)
    assert len(outer.entries) == 1 and len(inner.entries) == 0
    np.testing.assert_allclose(inner(x, 2).numpy(), x.numpy() * 2, rtol=1e-6)


def test_a_method_belongs_to_its_object(device):
    class Scale:
        def __init__(self, by):
            self.by = vidya.full((4,), by, device=device)

        @vidya.compile
        def __call__(self, x):
            "x times it"
            return x * self.by

    x = data(device, 4)
    two, three = Scale(2.0), Scale(3.0)
    for _ in range(2):
        np.testing.assert_allclose(two(x).numpy(), x.numpy() * 2, rtol=1e-6)
        np.testing.assert_allclose(three(x).numpy(), x.numpy() * 3, rtol=1e-6)
    assert len(Scale.__call__.entries) == 2 and Scale.__call__.__doc__ == "x times it"


@dataclasses.dataclass
class Pair:
    first: Any
    second: Any
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Settings:
    layers: int


def test_dataclasses_go_in_and_out(device):
    f = vidya.compile(lambda p: Pair(p.first * p.scale, p.second))
    x, y = data(device, 3), data(device, 3, seed=1)
    for scale in (2.0, 3.0):
        got = f(Pair(x, [y], scale))
        assert type(got) is Pair and got.scale == 1.0
        np.testing.assert_allclose(got.first.numpy(), x.numpy() * scale, rtol=1e-6)
        np.testing.assert_array_equal(got.second[0].numpy(), y.numpy())
    assert len(f.entries) == 1


def test_a_dataclass_without_tensors_is_a_setting(device):
    f = vidya.compile(lambda x, s: sum((x for _ in range(s.layers)), x))
    x = data(device, 3)
    for n in (1, 2):
        np.testing.assert_allclose(f(x, Settings(n)).numpy(), x.numpy() * (n + 1), rtol=1e-6)


def test_results_keep_their_kind(device):
    f = vidya.compile(lambda x, n: OrderedDict(x=x + n, n=n, text="a", none=None))
    x = data(device, 3)
    for n in (1, 2):
        got = f(x, n)
        assert type(got) is OrderedDict and list(got) == ["x", "n", "text", "none"]
        assert type(got["n"]) is int and got["n"] == n
        assert (got["text"], got["none"]) == ("a", None)


def test_a_number_that_python_needs_is_told_where_to_go(device):
    x = data(device, 4)
    for function in (
        lambda x, n: x if n > 3 else -x,
        lambda x, n: sum((x for _ in range(n)), x),
        lambda x, n: x.reshape(n, -1),
    ):
        with pytest.raises(TraceError, match=r"test_compile_calls.py:\d+.*static_argnums"):
            vidya.compile(function)(x, 2)
        wanted = function(x, 2).numpy()
        np.testing.assert_array_equal(
            vidya.compile(function, static_argnums=1)(x, 2).numpy(), wanted
        )


def test_a_tensor_that_left_the_trace_says_so(device):
    left = []
    vidya.compile(lambda x: left.append(x * 2))(data(device, 3))
    with pytest.raises(TraceError, match="after the trace ended; return it"):
        left[0].tolist()
    with pytest.raises(TraceError, match="after the trace ended"):
        left[0] + 1


def test_static_arguments_by_name(device):
    def f(x, n, scale=1):
        return x[:n] * scale

    compiled = vidya.compile(f, static_argnums=1)
    x = data(device, 6)
    for n in (2, 4):
        np.testing.assert_array_equal(compiled(x, n=n, scale=3).numpy(), f(x, n, 3).numpy())
        np.testing.assert_array_equal(compiled(x, n, 3).numpy(), f(x, n, 3).numpy())
    assert len(compiled.entries) == 4


def test_wrong_ways_to_compile(device):
    with pytest.raises(TypeError, match="a function or a module, not int"):
        vidya.compile(3)
    with pytest.raises(ValueError, match="static_argnums counts from 0"):
        vidya.compile(lambda x: x, static_argnums=-1)
    f = vidya.compile(lambda x, n: x * n, passes="fuse")
    assert "not been called yet" in f.explain() and repr(f) == "<compiled <lambda>, plans: 0>"
    for stacked in (1, 2, -1):
        with pytest.raises(ValueError, match=f"stacked names argument {stacked}, which is no"):
            f.loop(3, data(device, 3), 2.0, stacked=stacked)
    for argument in ({"a": {1}}, np.ones(3)):
        with pytest.raises(TypeError, match="cannot be told apart"):
            f(data(device, 3), argument)
