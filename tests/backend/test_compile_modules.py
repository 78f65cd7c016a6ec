"""A compiled function follows what is done to its modules in between."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import vidya
from vidya import nn
from vidya.errors import AutogradError, TraceError


def data(device, *shape):
    values = np.random.default_rng(0).normal(size=shape)
    return vidya.tensor(values, dtype=vidya.float32, device=device)


def same(a, b):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrapped", [True, False])
def test_train_and_eval_have_a_plan_each(device, wrapped):
    vidya.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).to(device)
    f = vidya.compile(model if wrapped else lambda x: model(x))
    x = data(device, 8, 4)
    for mode in (True, False, True, False):
        twin = copy.deepcopy(model).train(mode)
        (f if wrapped else model).train(mode)
        for _ in range(2):
            vidya.manual_seed(1)
            wanted = twin(x)
            vidya.manual_seed(1)
            same(f(x), wanted)
        for a, b in zip(model.buffers(), twin.buffers(), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    assert len(f.entries) == 2


def test_parts_that_are_replaced_later_count(device):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)).to(device)
    named = nn.ModuleDict({"a": nn.ReLU()})
    f = vidya.compile(lambda x: named["a"](model(x)))
    x = data(device, 2, 3)
    same(f(x), named["a"](model(x)))
    model[0].weight = nn.Parameter(vidya.ones(3, 3, device=device))
    same(f(x), named["a"](model(x)))
    model[1] = nn.Tanh()
    same(f(x), named["a"](model(x)))
    model.append(nn.Sigmoid())
    same(f(x), named["a"](model(x)))
    named["a"] = nn.Tanh()
    same(f(x), named["a"](model(x)))
    del model[0]
    same(f(x), named["a"](model(x)))


def test_other_modules_do_not_matter(device):
    model, other = nn.Linear(3, 3).to(device), nn.Linear(3, 3).to(device)
    f = vidya.compile(lambda x: model(x))
    x = data(device, 2, 3)
    f(x)
    other.eval()
    other.weight = nn.Parameter(vidya.ones(3, 3, device=device))
    f(x)
    assert len(f.entries) == 1


def test_a_buffer_that_is_replaced_within_is_refused(device):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("total", vidya.zeros(3, device=device))

        def forward(self, x):
            self.total = self.total + x
            return self.total * 1

    model = Sum()
    f = vidya.compile(model)
    with pytest.raises(TraceError, match=r"Sum.total was set .* self.total.copy_"):
        f(data(device, 3))
    np.testing.assert_array_equal(model.total.numpy(), [0, 0, 0])


def test_a_compiled_module_has_what_the_module_has(device):
    model = nn.Linear(3, 2).to(device)
    f = vidya.compile(model)
    assert next(iter(f.parameters())) is model.weight and f.weight is model.weight
    assert not f.eval().training and set(f.state_dict()) == {"weight", "bias"}
    with pytest.raises(AttributeError, match="nothing"):
        f.nothing  # noqa: B018


def test_a_copy_has_weights_and_plans_of_its_own(device):
    f = vidya.compile(nn.Linear(3, 2).to(device))
    x = data(device, 4, 3)
    wanted = f(x)
    for other in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert len(other.entries) == 0
        same(other.to(device)(x), wanted)
        with vidya.no_grad():
            other.weight.zero_()
        assert not np.allclose(other(x).detach().numpy(), wanted.detach().numpy())
    same(f(x), wanted)


def test_history_ends_at_a_compiled_function_and_says_so(device):
    model = nn.Linear(3, 2).to(device)
    f = vidya.compile(model)
    x = data(device, 4, 3)
    with pytest.raises(AutogradError, match="call backward\\(\\) inside"):
        (f(x).sum() + model.weight.sum()).backward()
    with vidya.no_grad():
        assert not f(x).requires_grad

    @vidya.compile
    def step(h):
        h.square().sum().backward()

    with pytest.raises(TraceError, match="a history of its own"):
        step(model(x))
