"""Where a traced function runs, and what it says of its lines: on every device."""

from __future__ import annotations

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.errors import TraceError

HERE: dict = {}  # what functions below read as a global


def data(device, *shape, seed=0):
    return vidya.tensor(np.random.default_rng(seed).normal(size=shape).astype("f4"), device=device)


def _of_a_closure(weight):
    return lambda: (weight * 2).sum()


def _of_a_list(weight):
    weights = [weight, weight]
    return lambda: sum(weights).sum()


def _of_a_global(weight):
    HERE["weight"] = weight
    return lambda: (HERE["weight"] * 2).sum()


def _of_a_module(weight):
    layer = nn.Linear(2, 1, bias=False, device=weight.device)
    layer.weight.data.copy_(weight)
    return lambda: (layer.weight * 2).sum()


def _of_a_method(weight):
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(weight)

        def forward(self):
            return (self.weight * 2).sum()

    return Doubled().forward


@pytest.mark.parametrize(
    "make", [_of_a_closure, _of_a_list, _of_a_global, _of_a_module, _of_a_method]
)
def test_without_arguments_it_runs_where_its_tensors_are(device, make):
    weight = vidya.tensor([[1.0, 2.5]], device=device)
    result = vidya.compile(make(weight))()
    assert result.device == weight.device
    assert result.item() == 7.0


def test_a_name_that_is_not_bound_yet(device):
    @vidya.compile
    def f():
        return (later * 2).sum()

    with pytest.raises(NameError, match="later"):
        f()
    later = vidya.ones(2, device=device)
    assert f().item() == 4.0


def test_a_branch_on_a_value_names_file_and_line(device):
    @vidya.compile
    def f(x):
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(TraceError, match=r"test_trace_origin\.py:\d+: `if x\.sum\(\) > 0:`"):
        f(data(device, 3))


_READS = {
    "item": lambda x: x.sum().item(),
    "numpy": lambda x: x.numpy(),
    "array": lambda x: np.asarray(x),
    "tolist": lambda x: x.tolist(),
    "float": lambda x: float(x.sum()),
    "int": lambda x: int(x.sum()),
    "complex": lambda x: complex(x.sum()),
    "bool": lambda x: bool(x.sum()),
    "index": lambda x: [1, 2, 3][x.sum().long()],
    "print": lambda x: print(x),
    "str": lambda x: str(x),
    "format": lambda x: f"{x.sum():.3f}",
    "while": lambda x: [0 for _ in range(3) if x.sum() < 0],
    "in": lambda x: 3.0 in x,
    "dlpack": lambda x: np.from_dlpack(x),
}


@pytest.mark.parametrize("read", _READS)
def test_reading_a_value_names_file_and_line(device, read):
    def f(x):
        return _READS[read](x)

    with pytest.raises(TraceError, match=r"test_trace_origin\.py:\d+: `.*`: "):
        vidya.compile(f)(data(device, 3))


def test_shapes_may_be_asked_for(device):
    def f(x):
        rows = list(x)  # iterating and len() depend on the shape only
        return sum(rows[: len(x) - 1]) * x.ndim + x.numel() / x.shape[0]

    x = data(device, 3, 2)
    np.testing.assert_allclose(vidya.compile(f)(x).numpy(), f(x).numpy(), rtol=1e-6)


def test_a_leaked_value_is_told_apart(device):
    kept = []
    f = vidya.compile(lambda x: kept.append(x * 2) or x + 1)
    f(data(device, 3))
    with pytest.raises(TraceError, match="trace"):
        kept[0] + 1
